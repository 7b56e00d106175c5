// What everything costs: one place, each parameter with its unit and its source. A scenario may override any by name.
import { Cost, MOST_INSTRUCTION_CYCLES, MOST_TAKEN_CYCLES } from "../../assembly/isa/cost.js";
import { TIME_DIVIDER } from "../../assembly/layout.js";
import { TIMEBASE } from "./memory-map.js";
import { UserError } from "./user-error.js";

export type Unit = "Hz" | "cycles" | "ns" | "bytes" | "bytes/cycle" | "Gb/s" | "GB/s" | "ratio" | "count";
/** Where the VMM's exit handlers live: in a hypervisor kernel, or in a process of its own. */
export type VmmProfile = "kernel" | "userspace";

interface Parameter {
  /** One default, or one for each VMM profile. */
  value: number | Record<VmmProfile, number>;
  unit: Unit;
  source: string;
  /** What the hart's clock can count, where that is less than everything. */
  least?: number;
  most?: number;
}

const ASSUMED = "assumed";
const IN_ORDER = "in-order core, assumed";
/** Every instruction takes time, and the tally of a block must hold it. */
const CLASS = { least: 1, most: MOST_INSTRUCTION_CYCLES };

export const PARAMETERS = {
  "core-frequency": { value: 1.5e9, unit: "Hz", source: ASSUMED },

  "instruction-alu": { value: 1, unit: "cycles", source: IN_ORDER, ...CLASS },
  "instruction-load": { value: 1, unit: "cycles", source: "hit in L1; in-order core, assumed", ...CLASS },
  "instruction-store": { value: 1, unit: "cycles", source: "store buffer; in-order core, assumed", ...CLASS },
  "branch-taken": {
    value: 1,
    unit: "cycles",
    source: `on top of the instruction; ${IN_ORDER}`,
    most: MOST_TAKEN_CYCLES,
  },
  "instruction-mul": { value: 3, unit: "cycles", source: IN_ORDER, ...CLASS },
  "instruction-div": { value: 20, unit: "cycles", source: IN_ORDER, ...CLASS },
  "instruction-fp-add": { value: 4, unit: "cycles", source: IN_ORDER, ...CLASS },
  "instruction-fp-fused": { value: 5, unit: "cycles", source: IN_ORDER, ...CLASS },
  "instruction-fp-div": { value: 20, unit: "cycles", source: IN_ORDER, ...CLASS },
  "instruction-csr": { value: 3, unit: "cycles", source: IN_ORDER, ...CLASS },
  "instruction-fence": { value: 10, unit: "cycles", source: IN_ORDER, ...CLASS },
  "instruction-amo": { value: 8, unit: "cycles", source: IN_ORDER, ...CLASS },
  "l2-hit": { value: 12, unit: "cycles", source: ASSUMED },
  memory: { value: 100, unit: "ns", source: "DRAM, assumed" },
  "trap-entry": {
    value: 30,
    unit: "cycles",
    source: "trap inside the guest: pipeline flush and redirect, assumed",
    least: 1,
  },
  "trap-return": { value: 30, unit: "cycles", source: "as trap-entry, assumed" },

  "exit-entry": { value: 70, unit: "cycles", source: "VS→HS, hardware only: Arm X-Gene, Lim et al., NEVE, SOSP'17" },
  "exit-return": { value: 65, unit: "cycles", source: "HS→VS, hardware only: Arm X-Gene, NEVE, SOSP'17" },
  "exit-indirect": { value: 0.5, unit: "ratio", source: "of the direct cost; assumed, ceiling SplitX, HotCloud'11" },
  hypercall: { value: 750, unit: "cycles", source: "round trip, no state swap: Dall et al., ATC'17: 752" },
  "mmio-exit": {
    value: { kernel: 1600, userspace: 7500 },
    unit: "cycles",
    source: "round trip: Dall et al., ATC'17: 1,604 in the kernel, 7,630 in user space",
  },
  "world-switch": { value: 6500, unit: "cycles", source: "full state: Dall et al., ISCA'16" },
  "ipi-software": { value: 2500, unit: "cycles", source: "Dall et al., ATC'17: 2,526" },
  "ipi-hardware": { value: 100, unit: "cycles", source: ASSUMED },
  "end-of-interrupt-trapped": { value: 1550, unit: "cycles", source: "x86: 1,556, Dall et al., ATC'17" },
  "end-of-interrupt-hardware": { value: 70, unit: "cycles", source: "Arm: 71, Dall et al., ATC'17" },
  "interrupt-delivery": { value: 1000, unit: "ns", source: "external interrupt to handler, native: assumed" },
  "vmm-copy": { value: 8, unit: "bytes/cycle", source: "memcpy out of cache, assumed" },
  "map-page": { value: 700, unit: "cycles", source: "without invalidation: from memory" },
  "unmap-page": { value: 900, unit: "cycles", source: "without invalidation: from memory" },
  "exit-state": {
    value: 315,
    unit: "cycles",
    source: "state that an exit saves and restores, in hypercall and mmio-exit: assumed",
  },
  "exit-other": {
    value: 850,
    unit: "cycles",
    source: "round trip of an exit that ends in an injected exception: assumed",
  },
  "interrupt-exit": { value: 1600, unit: "cycles", source: "round trip, as mmio-exit in the kernel: assumed" },
  "interrupt-inject": { value: 300, unit: "cycles", source: "making an interrupt pending for a guest: assumed" },
  schedule: { value: 500, unit: "cycles", source: "WFI of a guest: choosing another, or idling: assumed" },
  "guest-buffer": { value: 100, unit: "cycles", source: "check and look-up of one guest buffer: assumed" },
  "block-submit": {
    value: { kernel: 3000, userspace: 8000 },
    unit: "cycles",
    source: "VMM's block layer, a request: assumed",
  },
  "block-complete": {
    value: { kernel: 2500, userspace: 8000 },
    unit: "cycles",
    source: "the same, its completion: assumed",
  },
  "extent-lookup": {
    value: 150,
    unit: "cycles",
    source: "search of a file's extent map in memory, a command: assumed",
  },
  "frame-send": {
    value: { kernel: 1500, userspace: 4000 },
    unit: "cycles",
    source:
      "VMM's switch and driver, a frame to the wire: half of what a Linux bridge takes from wire to wire, 1.11 Mpps at 3.3 GHz " +
      "(Emmerich et al., CloudNet'14, from memory; Open vSwitch 1.88 Mpps); userspace: assumed",
  },
  "frame-receive": {
    value: { kernel: 1500, userspace: 4000 },
    unit: "cycles",
    source: "the same, a frame to a guest: the other half",
  },
  "console-send": {
    value: { kernel: 300, userspace: 2000 },
    unit: "cycles",
    source: "VMM's serial line, characters that a guest hands over at once: assumed",
  },
  "console-receive": {
    value: { kernel: 300, userspace: 2000 },
    unit: "cycles",
    source: "the same, a character to a guest: assumed",
  },
  "translate-service": { value: 300, unit: "cycles", source: "beyond the hypercall: walk and pin: assumed" },
  "rewrite-command": { value: 400, unit: "cycles", source: "check and copy of one device command: assumed" },
  "rewrite-address": { value: 150, unit: "cycles", source: "check and translation of one address in it: assumed" },
  "firmware-call": { value: 300, unit: "cycles", source: "SBI call answered in M-mode: assumed" },

  "mmio-read-pcie": { value: 950, unit: "ns", source: "HyperSIO constants" },
  "mmio-read-soc": { value: 120, unit: "ns", source: ASSUMED },
  "mmio-write": { value: 120, unit: "ns", source: "posted, as the core sees it: RAMCloud 147–150 ns" },
  "port-write": {
    value: 950,
    unit: "ns",
    source: "to I/O space, never posted (PCI Local Bus 3.0), so as mmio-read-pcie: HyperSIO constants",
  },
  "mmio-write-arrival": { value: 450, unit: "ns", source: "posted write reaches a PCIe device: HyperSIO one-way" },
  "dma-read-pcie": { value: 550, unit: "ns", source: "64 B: pcie-bench, SIGCOMM'18: 547 ns" },
  "dma-read-soc": { value: 150, unit: "ns", source: "64 B: assumed" },
  "dma-write": { value: 260, unit: "ns", source: "until the host sees it: RAMCloud" },
  "pcie-bandwidth": { value: 57.88, unit: "Gb/s", source: "gen3 ×8 after the data-link layer: Neugebauer, SIGCOMM'18" },

  "iotlb-hit": { value: 2, unit: "ns", source: "HyperSIO" },
  "io-walk-reference": { value: 100, unit: "ns", source: "table in DRAM: F&S, SOSP'24" },
  "ddt-reference": { value: 100, unit: "ns", source: "as io-walk-reference" },
  "iommu-command": { value: 350, unit: "ns", source: "half of invalidation with wait, 0.7 µs: from memory" },
  "iommu-command-trapped": {
    value: 3500,
    unit: "ns",
    source: "half of a trapped invalidation with wait, 7 µs: lab log",
  },

  "pcie-payload": { value: 256, unit: "bytes", source: "of a packet: Neugebauer, SIGCOMM'18" },
  "pcie-header": { value: 24, unit: "bytes", source: "of a packet: Neugebauer, SIGCOMM'18" },
  "outstanding-lines": { value: 100, unit: "count", source: "64 B reads under way at the root port: F&S, SOSP'24" },
  "outstanding-translations": {
    value: 1,
    unit: "count",
    source: "that a device's requests wait for at a time: assumed",
  },
  "ata-command": { value: 50_000, unit: "ns", source: "ATA command without sectors, or a reset: assumed" },
  "ata-bandwidth": {
    value: 7,
    unit: "GB/s",
    source: "the ATA cable's, as medium-bandwidth so that disks differ by their registers alone; Ultra DMA 100 has 0.1",
  },
  "nvme-enable": { value: 10_000, unit: "ns", source: ASSUMED },
  "nvme-disable": { value: 1000, unit: "ns", source: ASSUMED },
  "nvme-shutdown": { value: 10_000, unit: "ns", source: "besides the flush; assumed" },
  "nic-auto-negotiation": { value: 10_000_000, unit: "ns", source: "of the PHY; assumed: copper takes up to seconds" },
  "medium-read": {
    value: 5100,
    unit: "ns",
    source: "a 4 KiB read takes 7 µs in all: FAST'12: 4.4 µs polled, 7.6 µs with interrupt (NAND: 77,400)",
  },
  "medium-write": { value: 5100, unit: "ns", source: "as medium-read" },
  "medium-flush": { value: 5000, unit: "ns", source: ASSUMED },
  "medium-channels": { value: 16, unit: "count", source: "accesses that go on at a time: assumed" },
  "medium-bandwidth": { value: 7, unit: "GB/s", source: "of the medium, all channels together: assumed" },
} as const satisfies Record<string, Parameter>;

export type CostName = keyof typeof PARAMETERS;

const NEVER_ZERO: readonly Unit[] = ["Hz", "bytes", "bytes/cycle", "Gb/s", "GB/s", "count"];

/** The resolved costs of one run. */
export class Costs {
  private readonly values = new Map<CostName, number>();

  /**
   * @param overrides values by name, in the parameter's own unit
   * @param profile decides the defaults of what the VMM does
   * @param place where the overrides come from, for messages
   */
  constructor(
    overrides: Readonly<Record<string, number>> = {},
    readonly profile: VmmProfile = "kernel",
    place = "costs",
  ) {
    for (const name of Object.keys(PARAMETERS) as CostName[]) {
      const { value }: Parameter = PARAMETERS[name];
      this.values.set(name, typeof value === "number" ? value : value[profile]);
    }
    for (const [name, value] of Object.entries(overrides)) this.override(name, value, `${place}.${name}`);
  }

  /** Cycles per second. */
  get frequency(): number {
    return this.value("core-frequency");
  }

  /** A parameter in its own unit. */
  value(name: CostName): number {
    return this.values.get(name)!;
  }

  /** A parameter of unit cycles or ns, in whole cycles. */
  cycles(name: CostName): number {
    const value = this.value(name);
    const { unit } = PARAMETERS[name];
    if (unit === "cycles") return Math.round(value);
    if (unit === "ns") return Math.round((value * this.frequency) / 1e9);
    throw new Error(`cost ${name} is in ${unit}, not a time`);
  }

  /** Every parameter with its unit and source, for reports. */
  resolved(): { name: CostName; value: number; unit: Unit; source: string }[] {
    return [...this.values].map(([name, value]) => {
      const { unit, source } = PARAMETERS[name];
      return { name, value, unit, source };
    });
  }

  private override(name: string, value: number, place: string): void {
    if (!Object.hasOwn(PARAMETERS, name)) {
      throw new UserError(`no cost parameter of this name`, place, `Did you mean ${nearest(name).join(", ")}?`);
    }
    if (!Number.isFinite(value) || value < 0) {
      throw new UserError(`${value} is no cost`, place, "Give a number of at least 0");
    }
    const { unit, least = 0, most = Infinity }: Parameter = PARAMETERS[name as CostName];
    if (value < least || value > most) {
      throw new UserError(
        `${value} ${unit}`,
        place,
        most === Infinity ? `Give at least ${least}` : `Give a number from ${least} to ${most}`,
      );
    }
    if (value === 0 && NEVER_ZERO.includes(unit)) throw new UserError("is 0", place, "Give more than 0");
    if (unit === "count" && !Number.isInteger(value)) throw new UserError(`${value} of them`, place, "Give an integer");
    if (name === "core-frequency" && value % TIMEBASE !== 0) {
      throw new UserError(`${value} Hz`, place, `Give a multiple of ${TIMEBASE} Hz, the rate of the time register`);
    }
    this.values.set(name as CostName, value);
  }
}

/** What the hot path charges by itself, and where it finds it. */
const IN_WASM: readonly (readonly [Cost, CostName])[] = [
  [Cost.Alu, "instruction-alu"],
  [Cost.BranchTaken, "branch-taken"],
  [Cost.Mul, "instruction-mul"],
  [Cost.Div, "instruction-div"],
  [Cost.Csr, "instruction-csr"],
  [Cost.Fence, "instruction-fence"],
  [Cost.Amo, "instruction-amo"],
  [Cost.Load, "instruction-load"],
  [Cost.Store, "instruction-store"],
  [Cost.FpAdd, "instruction-fp-add"],
  [Cost.FpDiv, "instruction-fp-div"],
  [Cost.FpFused, "instruction-fp-fused"],
  [Cost.L2Hit, "l2-hit"],
  [Cost.Memory, "memory"],
  [Cost.TrapEntry, "trap-entry"],
  [Cost.TrapReturn, "trap-return"],
  [Cost.IotlbHit, "iotlb-hit"],
  [Cost.IoWalkReference, "io-walk-reference"],
  [Cost.DdtReference, "ddt-reference"],
  [Cost.IoCommand, "iommu-command"],
];

/** Tells the core its costs and its cycles per tick of `time`. */
export function applyCosts(core: { setCost(c: Cost, cycles: number): void; u32: Uint32Array }, costs: Costs): void {
  for (const [cost, name] of IN_WASM) core.setCost(cost, costs.cycles(name));
  core.u32[TIME_DIVIDER >>> 2] = costs.frequency / TIMEBASE;
}

/** The three names that look most like `name`. */
function nearest(name: string): string[] {
  return Object.keys(PARAMETERS)
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
  }
  return row[b.length];
}
