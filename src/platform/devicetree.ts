// The board as software is told of it: node for node what QEMU's `virt` board says of the same devices.
import type { Property, TreeNode } from "./fdt.js";
import { writeFdt } from "./fdt.js";
import {
  ACLINT,
  APLIC_M,
  APLIC_S,
  ECAM,
  FINISHER,
  IMSIC_M,
  IMSIC_S,
  IOMMU,
  PCIE_FIRST_IRQ,
  PCIE_HIGH_WINDOW,
  PCIE_IO,
  PCIE_WINDOW,
  PLIC,
  RAM_START,
  RTC,
  TIMEBASE,
  UART,
  imsicStride,
  virtioSlot,
} from "./memory-map.js";

/** Where wired interrupts and messages go: PLIC; APLIC alone; APLIC in front of IMSICs. */
export type AiaMode = "none" | "aplic" | "aplic-imsic";

export interface BoardTreeConfig {
  /** Bytes of RAM from RAM_START. */
  ramSize: number;
  bootargs?: string;
  /** Harts, with a cpu-map; left out, one hart without. */
  harts?: number;
  /** Single-letter and then multi-letter extensions. */
  extensions?: readonly string[];
  /** Largest virtual memory of the hart. */
  mmu?: "sv39" | "sv48" | "sv57";
  aia?: AiaMode;
  /** Guest interrupt files of each hart, with aplic-imsic. */
  guests?: number;
  /** Whether M-mode is firmware's own: what serves it alone is disabled, as OpenSBI's firmware leaves it. */
  supervisorOnly?: boolean;
  /** virtio-mmio slots to show. */
  virtio?: number;
  pcie?: boolean;
  /** Whether the I/O window is shown as well, or that and the one above 4 GiB. */
  ioWindow?: boolean;
  everyWindow?: boolean;
  iommu?: boolean;
  rtc?: boolean;
  /** Hz of the UART's clock, or that there is none to be seen. */
  uart?: number | false;
  /** Physical addresses of an initial RAM disk. */
  initrd?: { start: number; end: number };
  /** Seed of the kernel's random numbers, 8 words; fixed, so that runs repeat. */
  rngSeed?: readonly number[];
}

export const DEFAULT_EXTENSIONS = [
  ...["i", "m", "a", "f", "d", "c"],
  ...["zicbom", "zicbop", "zicboz", "zicntr", "zicond", "zicsr", "zifencei", "zihintpause", "zihpm"],
  ...["zacas", "zawrs", "zba", "zbb", "zbc", "zbkb", "zbkx", "zbs", "smstateen", "sstc", "svinval"],
];
/** Told of with IMSICs, though the CSRs are always there. */
const AIA_EXTENSIONS = ["smaia", "ssaia"] as const;
const DEFAULT_SEED = [0x5961_646f, 1, 2, 3, 4, 5, 6, 7];
/** Bytes of a cache block, where an extension wants to be told. */
const BLOCK_BYTES = 64;

const enum Phandle {
  /** Of hart 0; the others follow. */
  INTC = 0x10,
  CPU = 0x20,
  /** PLIC, or the APLIC domain of S-mode. */
  WIRED = 2,
  FINISHER = 3,
  IOMMU = 4,
  APLIC_M = 5,
  IMSIC_M = 6,
  IMSIC_S = 7,
}
/** Interrupts of a hart's own controller, as in mip. */
const enum Irq {
  M_SOFTWARE = 3,
  M_TIMER = 7,
  S_EXTERNAL = 9,
  M_EXTERNAL = 11,
}
/** Second cell of an interrupt of the APLIC. */
const LEVEL_HIGH = 4;

/** Two cells. */
const wide = (value: number): [number, number] => [Math.floor(value / 0x1_0000_0000), value >>> 0];
const reg = (place: { start: number; size: number }): number[] => [...wide(place.start), ...wide(place.size)];
const at = (name: string, place: { start: number }): string => `${name}@${place.start.toString(16)}`;
const leaf = (properties: Record<string, Property>): TreeNode => ({ properties });
const hasAplic = ({ aia }: BoardTreeConfig): boolean => aia === "aplic" || aia === "aplic-imsic";
const harts = (config: BoardTreeConfig): number[] => Array.from({ length: config.harts ?? 1 }, (_, hart) => hart);
/** interrupts-extended: these interrupts of every hart. */
const toHarts = (config: BoardTreeConfig, ...irqs: Irq[]): number[] =>
  harts(config).flatMap((hart) => irqs.flatMap((irq) => [Phandle.INTC + hart, irq]));
/** A wired interrupt as its controller's cells. */
const wire = (config: BoardTreeConfig, source: number): number[] =>
  hasAplic(config) ? [source, LEVEL_HIGH] : [source];

function interrupts(config: BoardTreeConfig, ...sources: number[]): Record<string, Property> {
  return { interrupts: sources.flatMap((source) => wire(config, source)), "interrupt-parent": Phandle.WIRED };
}

/** The string of riscv,isa: single letters joined, the rest set off by underscores. */
export function isaString(extensions: readonly string[]): string {
  const letters = extensions.filter((e) => e.length === 1).join("");
  return [`rv64${letters}`, ...extensions.filter((e) => e.length > 1)].join("_");
}

function cpu(config: BoardTreeConfig, hart: number): TreeNode {
  const interrupts = config.aia === "aplic-imsic" ? AIA_EXTENSIONS : [];
  const extensions = [...(config.extensions ?? DEFAULT_EXTENSIONS), ...interrupts];
  const blocks = ["zicbom", "zicbop", "zicboz"].filter((name) => extensions.includes(name));
  const intc = leaf({
    compatible: "riscv,cpu-intc",
    "interrupt-controller": true,
    "#interrupt-cells": 1,
    phandle: Phandle.INTC + hart,
  });
  return {
    properties: {
      ...(config.harts === undefined ? {} : { phandle: Phandle.CPU + hart }),
      device_type: "cpu",
      reg: hart,
      status: "okay",
      compatible: "riscv",
      "riscv,isa": isaString(extensions),
      "riscv,isa-base": "rv64i",
      "riscv,isa-extensions": [...extensions],
      ...Object.fromEntries(blocks.map((name) => [`riscv,${name.slice(2)}-block-size`, BLOCK_BYTES])),
      "mmu-type": `riscv,${config.mmu ?? "sv39"}`,
    },
    children: { "interrupt-controller": intc },
  };
}

function cpus(config: BoardTreeConfig): TreeNode {
  const children: Record<string, TreeNode> = {};
  for (const hart of harts(config)) children[`cpu@${hart}`] = cpu(config, hart);
  if (config.harts !== undefined) {
    const cores = harts(config).map((hart) => [`core${hart}`, leaf({ cpu: Phandle.CPU + hart })] as const);
    const cluster = { properties: {}, children: Object.fromEntries(cores) };
    children["cpu-map"] = { properties: {}, children: { cluster0: cluster } };
  }
  return { properties: { "#address-cells": 1, "#size-cells": 0, "timebase-frequency": TIMEBASE }, children };
}

/** Rows (slot, pin → source) for slots 0…3; the mask folds the others onto them. */
function interruptMap(config: BoardTreeConfig): number[] {
  const rows: number[] = [];
  for (let slot = 0; slot < 4; slot++) {
    for (let pin = 1; pin <= 4; pin++) {
      rows.push(slot << 11, 0, 0, pin, Phandle.WIRED, ...wire(config, PCIE_FIRST_IRQ + ((pin - 1 + slot) % 4)));
    }
  }
  return rows;
}

/** Spaces of a PCI address. */
const IO = 0x0100_0000;
const MEMORY_32 = 0x0200_0000;
const MEMORY_64 = 0x0300_0000;

/** A window of physical addresses onto PCI addresses from `start` on. */
const range = (space: number, window: { start: number; size: number }, start = window.start): number[] => [
  space,
  ...wide(start),
  ...reg(window),
];

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
    ranges: [
      ...(config.ioWindow || config.everyWindow ? range(IO, PCIE_IO, 0) : []),
      ...range(MEMORY_32, PCIE_WINDOW),
      ...(config.everyWindow ? range(MEMORY_64, PCIE_HIGH_WINDOW) : []),
    ],
    "interrupt-map-mask": [0x1800, 0, 0, 7],
    "interrupt-map": interruptMap(config),
    ...(config.aia === "aplic-imsic" ? { "msi-parent": Phandle.IMSIC_S } : {}),
    ...(config.iommu ? { "iommu-map": [0, Phandle.IOMMU, 0, 0x1_0000] } : {}),
  });
}

function plic(config: BoardTreeConfig): TreeNode {
  return leaf({
    compatible: ["sifive,plic-1.0.0", "riscv,plic0"],
    reg: reg(PLIC),
    "interrupt-controller": true,
    "#interrupt-cells": 1,
    "#address-cells": 0,
    "riscv,ndev": PLIC.sources,
    "interrupts-extended": toHarts(config, Irq.M_EXTERNAL, Irq.S_EXTERNAL),
    phandle: Phandle.WIRED,
  });
}

/** A domain of the APLIC: its interrupts go to harts directly, or as messages to the IMSICs of their mode. */
function aplic(config: BoardTreeConfig, place: { start: number; size: number }, irq: Irq, imsic: number): TreeNode {
  const forwards = config.aia === "aplic-imsic";
  return leaf({
    compatible: "riscv,aplic",
    reg: reg(place),
    "interrupt-controller": true,
    "#interrupt-cells": 2,
    "#address-cells": 0,
    "riscv,num-sources": PLIC.sources,
    ...(forwards ? { "msi-parent": imsic } : { "interrupts-extended": toHarts(config, irq) }),
  });
}

/** Properties of what only M-mode may use. */
const machineOnly = ({ supervisorOnly }: BoardTreeConfig): Record<string, Property> =>
  supervisorOnly ? { status: "disabled" } : {};

function imsic(config: BoardTreeConfig, start: number, irq: Irq, phandle: number): TreeNode {
  const guests = irq === Irq.S_EXTERNAL ? (config.guests ?? 0) : 0;
  const stride = imsicStride(guests);
  return leaf({
    compatible: "riscv,imsics",
    reg: reg({ start, size: 0x1000 * stride * (config.harts ?? 1) }),
    ...(guests ? { "riscv,guest-index-bits": Math.log2(stride) } : {}),
    ...(irq === Irq.M_EXTERNAL ? machineOnly(config) : {}),
    "interrupt-controller": true,
    "#interrupt-cells": 0,
    "msi-controller": true,
    "riscv,num-ids": IMSIC_S.ids,
    "interrupts-extended": toHarts(config, irq),
    phandle,
  });
}

/** The wired interrupt controller, and what delivers messages. */
function interruptControllers(config: BoardTreeConfig): Record<string, TreeNode> {
  if (!hasAplic(config)) return { [at("plic", PLIC)]: plic(config) };
  const machine = aplic(config, APLIC_M, Irq.M_EXTERNAL, Phandle.IMSIC_M);
  const supervisor = aplic(config, APLIC_S, Irq.S_EXTERNAL, Phandle.IMSIC_S);
  const delegation = {
    "riscv,children": Phandle.WIRED,
    "riscv,delegate": [Phandle.WIRED, 1, PLIC.sources],
    "riscv,delegation": [Phandle.WIRED, 1, PLIC.sources],
    phandle: Phandle.APLIC_M,
    ...machineOnly(config),
  };
  const nodes: Record<string, TreeNode> = {
    [at("aplic", APLIC_M)]: leaf({ ...machine.properties, ...delegation }),
    [at("aplic", APLIC_S)]: leaf({ ...supervisor.properties, phandle: Phandle.WIRED }),
  };
  if (config.aia === "aplic-imsic") {
    nodes[at("imsics", IMSIC_M)] = imsic(config, IMSIC_M.start, Irq.M_EXTERNAL, Phandle.IMSIC_M);
    nodes[at("imsics", IMSIC_S)] = imsic(config, IMSIC_S.start, Irq.S_EXTERNAL, Phandle.IMSIC_S);
  }
  return nodes;
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
      "interrupts-extended": toHarts(config, Irq.M_SOFTWARE, Irq.M_TIMER),
    }),
    ...interruptControllers(config),
  };
  if (config.uart !== false) {
    children[at("serial", UART)] = leaf({
      compatible: "ns16550a",
      reg: reg(UART),
      "clock-frequency": config.uart ?? UART.clock,
      ...interrupts(config, UART.irq),
    });
  }
  if (config.rtc) {
    children[at("rtc", RTC)] = leaf({
      compatible: "google,goldfish-rtc",
      reg: reg(RTC),
      ...interrupts(config, RTC.irq),
    });
  }
  for (let i = 0; i < (config.virtio ?? 0); i++) {
    const slot = virtioSlot(i);
    children[at("virtio_mmio", slot)] = leaf({
      compatible: "virtio,mmio",
      reg: reg(slot),
      ...interrupts(config, slot.irq),
    });
  }
  if (config.iommu) {
    children[at("iommu", IOMMU)] = leaf({
      compatible: ["qemu,riscv-iommu", "riscv,iommu"],
      reg: reg(IOMMU),
      "#iommu-cells": 1,
      ...interrupts(config, ...Array.from({ length: IOMMU.wires }, (_, i) => IOMMU.firstIrq + i)),
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
        ...(config.uart === false ? {} : { "stdout-path": `/soc/${at("serial", UART)}` }),
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
