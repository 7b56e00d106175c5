// Hostile software on the whole board: random code on two harts in M-mode, aimed at every device's registers. Nothing it does may throw,
// and time goes on. Seeded: a failure names its round.
import { expect, test } from "vitest";
import { Csr } from "../../assembly/isa/csr.js";
import { EXIT_PENDING, HART_CYCLES, RAM_START } from "../../assembly/layout.js";
import { Core } from "../../src/core/core.js";
import type { CoreBuild } from "../../src/core/instance.js";
import { type Board, buildBoard } from "../../src/platform/board.js";
import {
  ACLINT,
  ECAM,
  IOMMU,
  PCIE_IO,
  PCIE_WINDOW,
  PLIC,
  RTC,
  UART,
  VIRTIO_MMIO,
} from "../../src/platform/memory-map.js";
import * as asm from "../support/assembler.js";
import { BUILDS, Random } from "../support/hart.js";
import { generatedImage } from "../support/world.js";

const RAM_BYTES = 4 * 1024 * 1024;
const CODE_WORDS = 8 * 1024;
const SLOT = 1 << 15;
/** Where the board below has the virtio disk's structures, and the tables of MSI-X. */
const VIRTIO_BAR = PCIE_WINDOW.start + 0x1_0000;
const MSIX_BARS = PCIE_WINDOW.start + 0x10_0000;
/** And where the ATA controller's ports begin: BAR after BAR, 32 ports apart. */
const ATA_PORT = 0x1000;
const ATA = PCIE_IO.start + ATA_PORT;
/** Where random accesses go: registers of every device, configuration spaces and BARs of all disks. */
const AIMS = [
  ...[ACLINT.start, ACLINT.start + 0x4000, ACLINT.start + 0xbff8, IOMMU.start, IOMMU.start + 0x2f8],
  ...[PLIC.start, PLIC.start + 0x1000, PLIC.start + 0x2000, PLIC.start + 0x20_0000, PLIC.start + 0x20_1000],
  ...[UART.start, RTC.start, VIRTIO_MMIO.start, VIRTIO_MMIO.start + 0x70, VIRTIO_MMIO.start + 0x100],
  ...[ECAM.start, ECAM.start + SLOT, ECAM.start + SLOT + 0x40, ECAM.start + SLOT + 0x80, ECAM.start + 2 * SLOT],
  ...[PCIE_WINDOW.start, PCIE_WINDOW.start + 0x20, PCIE_WINDOW.start + 0x1000, PCIE_WINDOW.start + 0x2000],
  ...[VIRTIO_BAR, VIRTIO_BAR + 0x10, VIRTIO_BAR + 0x1000, VIRTIO_BAR + 0x2000, VIRTIO_BAR + 0x3000, MSIX_BARS],
  ...[MSIX_BARS + 0x800, MSIX_BARS + 0x1_0000],
  ...[ATA, ATA + 4, ATA + 0x20, ATA + 0x80, ATA + 0x84, PCIE_IO.start, ECAM.start + 3 * SLOT],
  ...[RAM_START, RAM_START + CODE_WORDS * 4, RAM_START + RAM_BYTES - 64],
];

/** Half loads and stores of any size at a register that holds an aim, the rest any bits under a known opcode. */
function instruction(random: Random): number {
  const bits = random.below(2 ** 32);
  const base = 10 + random.below(20);
  const offset = random.below(16) * 4;
  switch (random.below(8)) {
    case 0:
    case 1:
      return asm.lw(random.below(10), offset, base);
    case 2:
    case 3:
      return asm.sw(random.below(32), offset, base);
    case 4:
      return ((bits & ~0x7f) | random.pick([0x03, 0x23])) >>> 0;
    case 5:
      return bits;
    default:
      return ((bits & ~0x7f) | random.pick([0x13, 0x33, 0x2f, 0x63, 0x73, 0x1b, 0x07, 0x53])) >>> 0;
  }
}

/** A board with disks, placed where a driver would have put them, so that their registers are there to be hit. */
function board(build: CoreBuild): Board {
  const disks = (["nvme", "virtio", "virtio-mmio", "ata"] as const).map((kind) => ({
    medium: generatedImage(0x10_0000),
    interface: kind,
  }));
  const made = buildBoard({ core: new Core(RAM_BYTES, build), harts: 2, disks });
  for (const [slot, registers, messages] of [
    [1, 0x10, 0x20],
    [2, 0x20, 0x14],
  ]) {
    const config = ECAM.start + slot * SLOT;
    made.machine.bus.write(config + registers, 4, PCIE_WINDOW.start + (slot - 1) * 0x1_0000);
    made.machine.bus.write(config + messages, 4, MSIX_BARS + (slot - 1) * 0x1_0000);
    made.machine.bus.write(config + 4, 2, 6);
  }
  const ata = ECAM.start + 3 * SLOT;
  for (let bar = 0; bar < 5; bar++) made.machine.bus.write(ata + 0x10 + 4 * bar, 4, ATA_PORT + 0x20 * bar);
  made.machine.bus.write(ata + 4, 2, 5);
  return made;
}

function play(build: CoreBuild, seed: number): string {
  const random = new Random(seed);
  const { machine } = board(build);
  const { core } = machine;
  core.store(RAM_START, new Uint8Array(Uint32Array.from({ length: CODE_WORDS }, () => instruction(random)).buffer));
  for (let round = 0; round < 40; round++) {
    for (const hart of machine.harts) {
      core.select(hart.id);
      hart.status = "running";
      core.u32[EXIT_PENDING >>> 2] = 0;
      core.pc = BigInt(RAM_START + 4 * random.below(CODE_WORDS));
      core.setCsr(Csr.mtvec, BigInt(RAM_START + 4 * random.below(CODE_WORDS)));
      for (let i = 10; i < 32; i++) core.setX(i, BigInt(random.pick(AIMS)));
      for (let i = 1; i < 10; i++) core.setX(i, random.next() >> BigInt(random.below(64)));
    }
    const reason = machine.run(Math.max(...machine.harts.map((h) => h.state.number(HART_CYCLES))) + 30_000);
    if (reason.kind !== "deadline") return reason.kind;
  }
  return "deadline";
}

test.each(BUILDS)("random code against the whole board (%s)", (build) => {
  const ends = Array.from({ length: 24 }, (_, i) => play(build, 100 + i));
  expect(ends.filter((end) => !["deadline", "finished", "reset", "deadlock"].includes(end))).toEqual([]);
  expect(ends).toContain("deadline");
});

test("random accesses of every size to every device's registers", () => {
  const random = new Random(7);
  const { machine } = board("flat");
  for (let i = 0; i < 40_000; i++) {
    const size = random.pick([1, 2, 4, 8]);
    const address = (random.pick(AIMS) + random.below(0x100)) & -size;
    const [lo, hi] = [random.below(2 ** 32) >>> random.below(32), random.below(2 ** 32)];
    if (random.below(2)) machine.bus.read(address >>> 0, size);
    else machine.bus.write(address >>> 0, size, lo, hi);
    if (i % 16 !== 0) continue;
    machine.core.cycles += random.below(100_000);
    machine.events.runDue(machine.core.cycles);
  }
  expect(machine.core.cycles).toBeGreaterThan(1e6);
});
