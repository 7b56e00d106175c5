// What the VMM's code would cost on a hart: the VMM's view of src/platform/costs.ts, where each line has its source.
import type { Costs } from "../platform/costs.js";

/** Cycles of one hart, per event unless it says otherwise. */
export interface VmmCosts {
  /** Hardware trap from V=1 to HS, and SRET back. */
  readonly trap: number;
  readonly trapReturn: number;
  /** Save and restore of the state that an exit touches. */
  readonly saveRestore: number;
  /** Work of the exits by kind, beyond trap, return, save and restore. */
  readonly hypercall: number;
  readonly mmio: number;
  /** A trapped access to the interrupt controller, which every profile keeps in the kernel. */
  readonly mmioIrqchip: number;
  readonly interrupt: number;
  readonly exception: number;
  /** Making an interrupt pending for a guest. */
  readonly inject: number;
  /** Choosing who runs after WFI. */
  readonly schedule: number;
  readonly worldSwitch: number;
  /** What an exit costs the guest afterwards (caches, TLB), as a share of its direct cost. */
  readonly indirect: number;
  /** Copying one byte between VMM and guest, and looking up one guest buffer. */
  readonly copyByte: number;
  readonly guestBuffer: number;
  /** The VMM's block layer and driver, per request and per completion, beyond register accesses. */
  readonly blockSubmit: number;
  readonly blockComplete: number;
  /** Finding where a byte of a file lies on the disk, per command. */
  readonly extentLookup: number;
  /** The VMM's switch and network driver, per frame to the wire and per frame to a guest, beyond register accesses. */
  readonly frameSend: number;
  readonly frameReceive: number;
  /** The VMM's serial line, per hand-over by a guest and per character to one, beyond register accesses. */
  readonly consoleSend: number;
  readonly consoleReceive: number;
  /** The translation service: work per call beyond the hypercall. */
  readonly translate: number;
  /** Rewriting: work per command and per address in it. */
  readonly rewriteCommand: number;
  readonly rewriteAddress: number;
  /** IOMMU: map or unmap one page, one command and its wait. */
  readonly iommuMap: number;
  readonly iommuUnmap: number;
  readonly iommuCommand: number;
  /** The VMM's own register accesses to physical devices: PCIe read, posted write; on-SoC. */
  readonly pcieRead: number;
  readonly pcieWrite: number;
  readonly socAccess: number;
}

/** Splits the round trips, as they were measured, into the exit and the work in it. */
export function vmmCosts(costs: Costs): VmmCosts {
  const trap = costs.cycles("exit-entry");
  const trapReturn = costs.cycles("exit-return");
  const saveRestore = costs.cycles("exit-state");
  const exit = trap + trapReturn + saveRestore;
  const beyond = (roundTrip: number) => Math.max(0, roundTrip - exit);
  return {
    trap,
    trapReturn,
    saveRestore,
    hypercall: beyond(costs.cycles("hypercall")),
    mmio: beyond(costs.cycles("mmio-exit")),
    mmioIrqchip: beyond(costs.cycles("end-of-interrupt-trapped")),
    interrupt: beyond(costs.cycles("interrupt-exit")),
    exception: beyond(costs.cycles("exit-other")),
    inject: costs.cycles("interrupt-inject"),
    schedule: costs.cycles("schedule"),
    worldSwitch: costs.cycles("world-switch"),
    indirect: costs.value("exit-indirect"),
    copyByte: 1 / costs.value("vmm-copy"),
    guestBuffer: costs.cycles("guest-buffer"),
    blockSubmit: costs.cycles("block-submit"),
    blockComplete: costs.cycles("block-complete"),
    extentLookup: costs.cycles("extent-lookup"),
    frameSend: costs.cycles("frame-send"),
    frameReceive: costs.cycles("frame-receive"),
    consoleSend: costs.cycles("console-send"),
    consoleReceive: costs.cycles("console-receive"),
    translate: costs.cycles("translate-service"),
    rewriteCommand: costs.cycles("rewrite-command"),
    rewriteAddress: costs.cycles("rewrite-address"),
    iommuMap: costs.cycles("map-page"),
    iommuUnmap: costs.cycles("unmap-page"),
    iommuCommand: 2 * costs.cycles("iommu-command"),
    pcieRead: costs.cycles("mmio-read-pcie"),
    pcieWrite: costs.cycles("mmio-write"),
    socAccess: costs.cycles("mmio-read-soc"),
  };
}
