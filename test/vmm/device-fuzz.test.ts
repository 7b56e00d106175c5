// Guests that hammer every register they can reach with anything: no exception of ours, nothing outside them changed.
import fc from "fast-check";
import { expect, test } from "vitest";
import { run } from "../../src/scenario/run.js";
import type { AttachModeName } from "../../src/vmm/types.js";
import { elfOf } from "./elf-of.js";

const MIB = 0x10_0000;
const [T0, T1, T2, A0, A1, A6, A7] = [5, 6, 7, 10, 11, 16, 17];
const SEPC = 0x141;
const STVEC = 0x105;

// RV64I and Zicsr encodings
const lui = (rd: number, value: number) => ((((value + 0x800) >>> 12) << 12) | (rd << 7) | 0x37) >>> 0;
const addi = (rd: number, rs1: number, imm: number) => (((imm & 0xfff) << 20) | (rs1 << 15) | (rd << 7) | 0x13) >>> 0;
const auipc = (rd: number) => ((rd << 7) | 0x17) >>> 0;
const jump = (bytes: number) => ((((bytes >>> 1) & 0x3ff) << 21) | 0x6f) >>> 0;
const csrr = (rd: number, csr: number) => ((csr << 20) | (2 << 12) | (rd << 7) | 0x73) >>> 0;
const csrw = (csr: number, rs1: number) => ((csr << 20) | (rs1 << 15) | (1 << 12) | 0x73) >>> 0;
const store = (size: number, rs2: number, rs1: number) => ((rs2 << 20) | (rs1 << 15) | (size << 12) | 0x23) >>> 0;
const load = (size: number, rd: number, rs1: number) => ((rs1 << 15) | (size << 12) | (rd << 7) | 0x03) >>> 0;
const slli = (rd: number, rs1: number, by: number) => ((by << 20) | (rs1 << 15) | (1 << 12) | (rd << 7) | 0x13) >>> 0;
const SRET = 0x1020_0073;
const ECALL = 0x73;
const set = (rd: number, value: number) => [lui(rd, value), addi(rd, rd, value & 0xfff)];

/** A handler that steps over the instruction that trapped. */
const PROLOGUE = [
  auipc(T2),
  addi(T2, T2, 16),
  csrw(STVEC, T2),
  jump(20),
  ...[csrr(T2, SEPC), addi(T2, T2, 4), csrw(SEPC, T2), SRET],
];
const SHUTDOWN = [...set(A7, 0x5352_5354), addi(A6, 0, 0), addi(A0, 0, 0), addi(A1, 0, 0), ECALL];
/** BAR 0 of the slot whose configuration space is at `config` at 0x4000_0000, memory decode and bus mastering on. */
const placeBar = (config: number) => [
  ...[...set(T0, config + 0x10), ...set(T1, 0x4000_0000), store(2, T1, T0)],
  ...[...set(T0, config + 4), addi(T1, 0, 6), store(1, T1, T0)],
];
/** The guest's slots: the disk's, the network interface's. */
const DISK = 0x3000_8000;
const NIC = 0x3001_0000;

interface Access {
  address: number;
  value: number;
  size: number;
  write: boolean;
}

function program(config: number, accesses: readonly Access[]): Uint8Array {
  const words = accesses.flatMap(({ address, value, size, write }) => [
    ...set(T0, address),
    ...set(T1, value),
    write ? store(size, T1, T0) : load(size, T1, T0),
  ]);
  return elfOf(...PROLOGUE, ...placeBar(config), ...words, ...SHUTDOWN);
}

const below = (start: number, size: number) => fc.integer({ min: start, max: start + size - 1 });
const aligned = (start: number, size: number) => below(start, size).map((address) => address & ~3);
const address = fc.oneof(
  { weight: 4, arbitrary: aligned(0x4000_0000, 0x60) },
  { weight: 3, arbitrary: aligned(0x4000_1000, 0x20) },
  { weight: 3, arbitrary: aligned(0x1000_1000, 0x110) },
  aligned(0x3000_8000, 0x40),
  aligned(0x0c00_0000, 0x400),
  aligned(0x0c20_1000, 0x10),
  below(0x1000_0000, 8),
  below(0x1000_0000, 0x6fff_ffff),
);
const value = fc.oneof(
  fc.constantFrom(0, 1, 3, 7, 0x0046_0001, 0x001f_001f, 0x8020_0000, 0x8040_0000, 0x8100_0000, 0xffff_ffff),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);
const access = fc.record({ address, value, size: fc.integer({ min: 0, max: 3 }), write: fc.boolean() });

/** Registers of the 82574L: control and interrupts, RCTL, TCTL, the rings, and how descriptors look. */
const nicAddress = fc.oneof(
  { weight: 3, arbitrary: aligned(0x4000_0000, 0x120) },
  { weight: 2, arbitrary: fc.constantFrom(0x4000_0100, 0x4000_0400, 0x4000_5008) },
  { weight: 8, arbitrary: aligned(0x4000_2800, 0x20) },
  { weight: 8, arbitrary: aligned(0x4000_3800, 0x20) },
  aligned(0x4000_0000, 0x2_0000),
  aligned(0x1000_1000, 0x110),
  aligned(NIC, 0x40),
);
const nicValue = fc.oneof(
  fc.constantFrom(0, 1, 8, 0x80, 0x1000, 0x0200_8002, 0x0203_803e, 0x0400_0041, 0x0103_f0fa),
  fc.constantFrom(0x8020_0000, 0x8040_0000, 0x807f_ff80, 0x8100_0000, 0xffff_ffff),
  fc.integer({ min: 0, max: 0x80 }),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);
const nicAccess = fc.record({
  address: nicAddress,
  value: nicValue,
  size: fc.oneof({ weight: 9, arbitrary: fc.constant(2) }, fc.integer({ min: 0, max: 3 })),
  write: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
});

const PROTECTING = ["emulated", "assigned", "assigned-rewrite", "paravirtual"] as const;
const UNSAFE = ["assigned-service", "assigned-raw"] as const;

function play(mode: AttachModeName, accesses: readonly Access[]) {
  return run({
    guests: [{ kernel: program(DISK, accesses), bootargs: "", mode, ram: 8 * MIB }],
    disks: [{ size: MIB }],
    core: "flat",
    maxCycles: 30_000_000,
    allowRaw: true,
  });
}

test.each(PROTECTING)("%s: whatever is written where, only the guest itself suffers", (mode) => {
  fc.assert(
    fc.property(fc.array(access, { minLength: 20, maxLength: 120 }), (accesses) => {
      const { guests, damage } = play(mode, accesses);
      expect(["shutdown", "crash", "hang"]).toContain(guests[0].stop.kind);
      expect(damage).toEqual([]);
    }),
    { numRuns: 25, seed: 20240607 },
  );
});

test.each(UNSAFE)("%s: the same without an exception of ours", (mode) => {
  fc.assert(
    fc.property(fc.array(access, { minLength: 20, maxLength: 120 }), (accesses) => {
      expect(["shutdown", "crash", "hang"]).toContain(play(mode, accesses).guests[0].stop.kind);
    }),
    { numRuns: 25, seed: 20240608 },
  );
});

function playNic(mode: AttachModeName, accesses: readonly Access[]) {
  return run({
    guests: [{ kernel: program(NIC, accesses), bootargs: "", mode, nic: 0, ram: 8 * MIB }],
    nics: [{}],
    core: "flat",
    maxCycles: 30_000_000,
    allowRaw: true,
  });
}

test.each(PROTECTING)("network interface, %s: whatever is written where, only the guest itself suffers", (mode) => {
  fc.assert(
    fc.property(fc.array(nicAccess, { minLength: 20, maxLength: 120 }), (accesses) => {
      const { guests, damage } = playNic(mode, accesses);
      expect(["shutdown", "crash", "hang"]).toContain(guests[0].stop.kind);
      expect(damage).toEqual([]);
    }),
    { numRuns: 25, seed: 20240609 },
  );
});

test.each(UNSAFE)("network interface, %s: the same without an exception of ours", (mode) => {
  fc.assert(
    fc.property(fc.array(nicAccess, { minLength: 20, maxLength: 120 }), (accesses) => {
      expect(["shutdown", "crash", "hang"]).toContain(playNic(mode, accesses).guests[0].stop.kind);
    }),
    { numRuns: 25, seed: 20240610 },
  );
});

/** Extensions of the SBI but for SRST, which ends the run; the last is Yado's own. */
const EXTENSIONS = [0, 1, 2, 3, 4, 0x10, 0x5449_4d45, 0x73_5049, 0x5246_4e43, 0x48_534d, 0x4442_434e, 0x0859_4144];
const argument = fc.record({
  value: fc.oneof(fc.constantFrom(0, 1, 8, 0x8020_0000, 0x807f_fff8, 0x8100_0000, 0x7fff_ffff), value),
  shift: fc.constantFrom(0, 0, 0, 0, 12, 31, 32, 44),
});
const call = fc.record({
  extension: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...EXTENSIONS) },
    value.filter((id) => id !== 0x5352_5354 && id !== 8),
  ),
  function: fc.oneof({ weight: 9, arbitrary: fc.nat(6) }, value),
  arguments: fc.array(argument, { minLength: 5, maxLength: 5 }),
});
const any64 = (rd: number, { value: low, shift }: { value: number; shift: number }) => [
  ...set(rd, low),
  slli(rd, rd, shift),
];

test.each([...PROTECTING, ...UNSAFE, "native"] as const)("%s: any hypercall with any arguments is answered", (mode) => {
  let ended = 0;
  fc.assert(
    fc.property(fc.array(call, { minLength: 10, maxLength: 60 }), (calls) => {
      const words = calls.flatMap((each) => [
        ...each.arguments.flatMap((one, i) => any64(A0 + i, one)),
        ...[...set(A6, each.function), ...set(A7, each.extension), ECALL],
      ]);
      const guests = [{ kernel: elfOf(...PROLOGUE, ...words, ...SHUTDOWN), bootargs: "", mode, ram: 8 * MIB }];
      const result = run({ guests, disks: [{ size: MIB }], core: "flat", maxCycles: 30_000_000, allowRaw: true });
      expect(["shutdown", "crash", "hang"]).toContain(result.guests[0].stop.kind);
      expect(result.damage).toEqual([]);
      if (result.guests[0].stop.kind === "shutdown") ended++;
    }),
    { numRuns: 10, seed: 20240611 },
  );
  expect(ended).toBeGreaterThan(5);
});

test("any guest physical address: loads and stores of any width are the guest's own memory, or its faults", () => {
  const far = fc.record({ address: argument, value, size: fc.integer({ min: 0, max: 3 }), write: fc.boolean() });
  fc.assert(
    fc.property(fc.array(far, { minLength: 20, maxLength: 120 }), (accesses) => {
      const words = accesses.flatMap((each) => [
        ...any64(T0, each.address),
        ...set(T1, each.value),
        each.write ? store(each.size, T1, T0) : load(each.size, T1, T0),
      ]);
      const kernel = elfOf(...PROLOGUE, ...words, ...SHUTDOWN);
      const others = [0, 1].map(() => ({
        kernel: elfOf(...SHUTDOWN),
        bootargs: "",
        mode: "emulated" as const,
        ram: 8 * MIB,
      }));
      const guests = [{ kernel, bootargs: "", mode: "assigned" as const, ram: 8 * MIB, disk: 1 }, ...others];
      const result = run({ guests, disks: [{ size: MIB }, { size: MIB }], core: "flat", maxCycles: 30_000_000 });
      expect(result.guests.map(({ stop }) => stop.kind).slice(1)).toEqual(["shutdown", "shutdown"]);
      expect(["shutdown", "crash", "hang"]).toContain(result.guests[0].stop.kind);
      expect(result.damage).toEqual([]);
    }),
    { numRuns: 15, seed: 20240612 },
  );
});

test("the fuzzer's program runs to its end", () => {
  const accesses = [{ address: 0x2000_0000, value: 1, size: 2, write: true }];
  expect(play("emulated", accesses).guests[0].stop).toEqual({ kind: "shutdown", code: 0 });
});
