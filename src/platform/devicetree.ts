// The board as software is told of it: node for node what QEMU's `virt` board says of the same devices.
import type { Property, TreeNode } from "./fdt.js";
import { writeFdt } from "./fdt.js";
import {
  ACLINT,
  ECAM,
  FINISHER,
  IOMMU,
  PCIE_FIRST_IRQ,
  PCIE_WINDOW,
  PLIC,
  RAM_START,
  TIMEBASE,
  UART,
  virtioSlot,
} from "./memory-map.js";

export interface BoardTreeConfig {
  /** Bytes of RAM from RAM_START. */
  ramSize: number;
  bootargs?: string;
  /** Single-letter and then multi-letter extensions. */
  extensions?: readonly string[];
  /** Largest virtual memory of the hart. */
  mmu?: "sv39" | "sv48" | "sv57";
  /** virtio-mmio slots to show. */
  virtio?: number;
  pcie?: boolean;
  iommu?: boolean;
  /** Physical addresses of an initial RAM disk. */
  initrd?: { start: number; end: number };
  /** Seed of the kernel's random numbers, 8 words; fixed, so that runs repeat. */
  rngSeed?: readonly number[];
}

export const DEFAULT_EXTENSIONS = ["i", "m", "a", "f", "d", "c", "zicsr", "zifencei", "sstc"] as const;
const DEFAULT_SEED = [0x5961_646f, 1, 2, 3, 4, 5, 6, 7];

const enum Phandle {
  INTC = 1,
  PLIC = 2,
  FINISHER = 3,
  IOMMU = 4,
}
/** Interrupts of a hart's own controller, as in mip. */
const enum Irq {
  S_EXTERNAL = 9,
  M_SOFTWARE = 3,
  M_TIMER = 7,
  M_EXTERNAL = 11,
}

/** Two cells. */
const wide = (value: number): [number, number] => [Math.floor(value / 0x1_0000_0000), value >>> 0];
const reg = (place: { start: number; size: number }): number[] => [...wide(place.start), ...wide(place.size)];
const at = (name: string, place: { start: number }): string => `${name}@${place.start.toString(16)}`;
const leaf = (properties: Record<string, Property>): TreeNode => ({ properties });
const interrupts = (...numbers: number[]): Record<string, Property> => ({
  interrupts: numbers,
  "interrupt-parent": Phandle.PLIC,
});

/** The string of riscv,isa: single letters joined, the rest set off by underscores. */
export function isaString(extensions: readonly string[]): string {
  const letters = extensions.filter((e) => e.length === 1).join("");
  return [`rv64${letters}`, ...extensions.filter((e) => e.length > 1)].join("_");
}

function cpus(config: BoardTreeConfig): TreeNode {
  const extensions = config.extensions ?? DEFAULT_EXTENSIONS;
  const intc = leaf({
    compatible: "riscv,cpu-intc",
    "interrupt-controller": true,
    "#interrupt-cells": 1,
    phandle: Phandle.INTC,
  });
  const cpu: TreeNode = {
    properties: {
      device_type: "cpu",
      reg: 0,
      status: "okay",
      compatible: "riscv",
      "riscv,isa": isaString(extensions),
      "riscv,isa-base": "rv64i",
      "riscv,isa-extensions": [...extensions],
      "mmu-type": `riscv,${config.mmu ?? "sv39"}`,
    },
    children: { "interrupt-controller": intc },
  };
  return {
    properties: { "#address-cells": 1, "#size-cells": 0, "timebase-frequency": TIMEBASE },
    children: { "cpu@0": cpu },
  };
}

/** Rows (slot, pin → PLIC source) for slots 0…3; the mask folds the others onto them. */
function interruptMap(): number[] {
  const rows: number[] = [];
  for (let slot = 0; slot < 4; slot++) {
    for (let pin = 1; pin <= 4; pin++) {
      rows.push(slot << 11, 0, 0, pin, Phandle.PLIC, PCIE_FIRST_IRQ + ((pin - 1 + slot) % 4));
    }
  }
  return rows;
}

const MEMORY_32 = 0x0200_0000;

function pci(config: BoardTreeConfig): TreeNode {
  return leaf({
    compatible: "pci-host-ecam-generic",
    device_type: "pci",
    "#address-cells": 3,
    "#size-cells": 2,
    "#interrupt-cells": 1,
    "linux,pci-domain": 0,
    "bus-range": [0, ECAM.size / 0x10_0000 - 1],
    "dma-coherent": true,
    reg: reg(ECAM),
    ranges: [MEMORY_32, ...wide(PCIE_WINDOW.start), ...wide(PCIE_WINDOW.start), ...wide(PCIE_WINDOW.size)],
    "interrupt-map-mask": [0x1800, 0, 0, 7],
    "interrupt-map": interruptMap(),
    ...(config.iommu ? { "iommu-map": [0, Phandle.IOMMU, 0, 0x1_0000] } : {}),
  });
}

function soc(config: BoardTreeConfig): TreeNode {
  const children: Record<string, TreeNode> = {
    [at("test", FINISHER)]: leaf({
      compatible: ["sifive,test1", "sifive,test0", "syscon"],
      reg: reg(FINISHER),
      phandle: Phandle.FINISHER,
    }),
    [at("clint", ACLINT)]: leaf({
      compatible: ["sifive,clint0", "riscv,clint0"],
      reg: reg(ACLINT),
      "interrupts-extended": [Phandle.INTC, Irq.M_SOFTWARE, Phandle.INTC, Irq.M_TIMER],
    }),
    [at("plic", PLIC)]: leaf({
      compatible: ["sifive,plic-1.0.0", "riscv,plic0"],
      reg: reg(PLIC),
      "interrupt-controller": true,
      "#interrupt-cells": 1,
      "#address-cells": 0,
      "riscv,ndev": PLIC.sources,
      "interrupts-extended": [Phandle.INTC, Irq.M_EXTERNAL, Phandle.INTC, Irq.S_EXTERNAL],
      phandle: Phandle.PLIC,
    }),
    [at("serial", UART)]: leaf({
      compatible: "ns16550a",
      reg: reg(UART),
      "clock-frequency": UART.clock,
      ...interrupts(UART.irq),
    }),
  };
  for (let i = 0; i < (config.virtio ?? 0); i++) {
    const slot = virtioSlot(i);
    children[at("virtio_mmio", slot)] = leaf({ compatible: "virtio,mmio", reg: reg(slot), ...interrupts(slot.irq) });
  }
  if (config.iommu) {
    children[at("iommu", IOMMU)] = leaf({
      compatible: ["qemu,riscv-iommu", "riscv,iommu"],
      reg: reg(IOMMU),
      "#iommu-cells": 1,
      ...interrupts(...Array.from({ length: IOMMU.wires }, (_, i) => IOMMU.firstIrq + i)),
      phandle: Phandle.IOMMU,
    });
  }
  if (config.pcie) children[at("pci", ECAM)] = pci(config);
  return {
    properties: { compatible: "simple-bus", "#address-cells": 2, "#size-cells": 2, ranges: true },
    children,
  };
}

/** The board's device tree as a blob. */
export function boardTree(config: BoardTreeConfig): Uint8Array {
  const { initrd } = config;
  const memory = { start: RAM_START, size: config.ramSize };
  return writeFdt({
    properties: { compatible: "riscv-virtio", model: "riscv-virtio,qemu", "#address-cells": 2, "#size-cells": 2 },
    children: {
      chosen: leaf({
        "stdout-path": `/soc/${at("serial", UART)}`,
        "rng-seed": config.rngSeed ?? DEFAULT_SEED,
        ...(config.bootargs === undefined ? {} : { bootargs: config.bootargs }),
        ...(initrd ? { "linux,initrd-start": wide(initrd.start), "linux,initrd-end": wide(initrd.end) } : {}),
      }),
      poweroff: leaf({ compatible: "syscon-poweroff", value: 0x5555, offset: 0, regmap: Phandle.FINISHER }),
      reboot: leaf({ compatible: "syscon-reboot", value: 0x7777, offset: 0, regmap: Phandle.FINISHER }),
      [at("memory", memory)]: leaf({ device_type: "memory", reg: reg(memory) }),
      cpus: cpus(config),
      soc: soc(config),
    },
  });
}
