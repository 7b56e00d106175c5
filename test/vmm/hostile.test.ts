// Guests that crash, hang or attack: always a result, never an exception of ours, and never more than their own memory.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { run } from "../../src/scenario/run.js";
import type { AttackTarget, RunConfig } from "../../src/scenario/types.js";
import { MODES } from "../../src/scenario/workload.js";
import type { AttachModeName } from "../../src/vmm/types.js";
import { elfOf } from "./elf-of.js";

const MIB = 0x10_0000;
const probe = new Uint8Array(readFileSync(new URL("../../guests/probe/probe.elf", import.meta.url)));

function outcome(kernel: Uint8Array, more: Partial<RunConfig> = {}) {
  const guests = [{ kernel, bootargs: "", mode: "emulated" as const, ram: 16 * MIB }];
  return run({ guests, disks: [{ size: MIB }], core: "flat", maxCycles: 20_000_000, ...more });
}

/** RV64I encodings of what the guests below do. */
const lui = (rd: number, imm20: number) => ((imm20 << 12) | (rd << 7) | 0x37) >>> 0;
const addi = (rd: number, rs1: number, imm: number) => (((imm & 0xfff) << 20) | (rs1 << 15) | (rd << 7) | 0x13) >>> 0;
const store = (size: number, rs2: number, rs1: number) => ((rs2 << 20) | (rs1 << 15) | (size << 12) | 0x23) >>> 0;
const load = (size: number, rd: number, rs1: number) => ((rs1 << 15) | (size << 12) | (rd << 7) | 0x03) >>> 0;
const ECALL = 0x73;
const WFI = 0x1050_0073;
const LOOP = 0x6f;
const [T0, T1, A0, A1, A2, A6, A7] = [5, 6, 10, 11, 12, 16, 17];
const RV64 = { word: 2, double: 3, amoadd: 0x0062_a2af };

test.each([
  ["an illegal instruction", [0x0000_0000]],
  ["a hypervisor's instruction (hfence.gvma)", [0x6200_0073]],
  ["a hypervisor's CSR (hstatus)", [0x6000_2573]],
  ["a load from nowhere", [lui(T0, 0x20000), load(RV64.word, T1, T0)]],
  ["a fetch from nowhere", [lui(T0, 0x20000), 0x0002_8067]],
  ["an atomic on a register", [lui(T0, 0x10000), RV64.amoadd]],
  ["a doubleword to a register of bytes", [lui(T0, 0x10000), store(RV64.double, T1, T0)]],
])("%s without a trap handler stops the guest", (_, words) => {
  const { guests } = outcome(elfOf(...words));
  expect(guests[0].stop.kind).toBe("crash");
});

test("a crash names the exception that came first, not the missing handler's", () => {
  const { guests } = outcome(elfOf(addi(T0, 0, 1), 0));
  const what = "illegal instruction without a trap handler";
  expect(guests[0].stop).toEqual({ kind: "crash", what, pc: 0x8020_0004, address: 0 });
});

test("a guest that loops is called hung, and so is one that waits for what never comes", () => {
  const [looping] = outcome(elfOf(LOOP)).guests;
  expect(looping.stop).toEqual({ kind: "hang", limit: "max-cycles", cycles: 20_000_000 });
  const waiting = outcome(elfOf(WFI, LOOP), { maxCycles: 1e12 });
  expect(waiting.guests[0].stop).toEqual({ kind: "hang" });
});

test.each(["native", "emulated"] as const)("%s: a guest that makes no progress is ended before max-cycles", (mode) => {
  const quietCycles = 4_000_000;
  const guests = [{ kernel: elfOf(LOOP), bootargs: "", mode, ram: 16 * MIB }];
  const result = outcome(elfOf(LOOP), { guests, maxCycles: 1e12, quietCycles });
  const [{ stop, counters }] = result.guests;
  expect(stop).toEqual({ kind: "hang", limit: "quiet-cycles", cycles: quietCycles });
  expect(counters.cycles).toBeGreaterThanOrEqual(quietCycles);
  expect(counters.cycles).toBeLessThan(1.1 * quietCycles);
  const { guest, exit, vmm, idle } = counters.cyclesBy;
  expect(guest + exit + vmm + idle + counters.elsewhere).toBe(counters.cycles);
  expect(result.cycles).toBe(outcome(elfOf(LOOP), { guests, maxCycles: 1e12, quietCycles }).cycles);
});

/** Each ends with a jump back to where its comment says. */
const BUSY = {
  "SBI calls": elfOf(addi(A7, 0, 0x10), ECALL, 0xffdf_f06f), // the ecall
  output: elfOf(lui(T0, 0x10000), addi(T1, 0, 0x2e), store(0, T1, T0), 0xffdf_f06f), // the store
  // sie.STIE; again and again stimecmp = time + 2047, WFI
  waits: elfOf(addi(T1, 0, 32), 0x1043_2073, 0xc010_22f3, addi(T0, T0, 2047), 0x14d2_9073, WFI, 0xff1f_f06f),
};

test.each(Object.entries(BUSY))("%s are progress: only max-cycles ends a guest that goes on with them", (_, kernel) => {
  for (const mode of ["native", "emulated"] as const) {
    const guests = [{ kernel, bootargs: "", mode, ram: 16 * MIB }];
    expect(outcome(kernel, { guests, quietCycles: 1_000_000 }).guests[0].stop).toMatchObject({ limit: "max-cycles" });
  }
});

test("DMA is progress", () => {
  const bootargs = "workload=seqread driver=nvme hash=none";
  const working = [{ kernel: probe, bootargs, mode: "assigned" as const, ram: 16 * MIB }];
  expect(outcome(probe, { guests: working, maxCycles: 1e9, quietCycles: 3_000_000 }).guests[0].stop.kind).toBe(
    "shutdown",
  );
});

test("a quiet guest ends and the other goes on", () => {
  const bootargs = "workload=seqread driver=nvme hash=none";
  const { guests, cycles } = run({
    guests: [
      { name: "quiet", kernel: elfOf(LOOP), bootargs: "", mode: "emulated", ram: 16 * MIB },
      { name: "busy", kernel: probe, bootargs, mode: "assigned", ram: 16 * MIB, disk: 1 },
    ],
    disks: [{ size: MIB }, { size: 4 * MIB }],
    core: "flat",
    timeSlice: 1_000_000,
    maxCycles: 1e10,
    quietCycles: 5_000_000,
  });
  expect(guests.map(({ stop }) => stop)).toEqual([
    { kind: "hang", limit: "quiet-cycles", cycles: 5_000_000 },
    { kind: "shutdown", code: 0 },
  ]);
  expect(guests[0].counters.cycles).toBeLessThan(cycles);
  expect(guests[1].bytes).toBe(4 * MIB);
});

test("one guest's crash leaves the other running", () => {
  const bootargs = "workload=seqread driver=nvme hash=none";
  const { guests } = run({
    guests: [
      { kernel: elfOf(0), bootargs: "", mode: "emulated", ram: 16 * MIB },
      { kernel: probe, bootargs, mode: "emulated", ram: 16 * MIB },
    ],
    disks: [{ size: 2 * MIB }],
    core: "flat",
    maxCycles: 1e9,
  });
  expect(guests.map(({ stop }) => stop.kind)).toEqual(["crash", "shutdown"]);
  expect(guests[1].bytes).toBe(MIB);
});

test("a guest that stops in the middle of a register access leaves nothing behind for the next", () => {
  const finish = elfOf(lui(T0, 0x100), lui(T1, 0x5), addi(T1, T1, 0x555), store(RV64.word, T1, T0), LOOP);
  const { guests } = run({
    guests: [
      { kernel: finish, bootargs: "", mode: "emulated", ram: 16 * MIB },
      {
        kernel: elfOf(0x0000_0013, addi(A0, 0, 5), lui(T0, 0x100), lui(T1, 0x5), addi(T1, T1, 0x555), store(2, T1, T0)),
        bootargs: "",
        mode: "emulated",
        ram: 16 * MIB,
      },
      {
        kernel: elfOf(
          LOOP + (8 << 20),
          0,
          addi(A0, 0, 5),
          lui(T0, 0x100),
          lui(T1, 0x5),
          addi(T1, T1, 0x555),
          store(2, T1, T0),
        ),
        bootargs: "",
        mode: "emulated",
        ram: 16 * MIB,
      },
    ],
    disks: [{ size: 3 * MIB }],
    core: "flat",
    maxCycles: 1e8,
  });
  expect(guests.map(({ stop }) => stop)).toEqual([0, 0, 0].map((code) => ({ kind: "shutdown", code })));
});

test("the serial line's interrupts are raised and injected like any device's", () => {
  const plicPriority = [lui(T0, 0xc000), addi(T0, T0, 4 * 10), addi(T1, 0, 1), store(RV64.word, T1, T0)];
  const plicEnable = [lui(T0, 0xc002), addi(T0, T0, 0x80), addi(T1, 0, 1 << 10), store(RV64.word, T1, T0)];
  const transmitterEmpty = [lui(T0, 0x10000), addi(T0, T0, 1), addi(T1, 0, 2), store(0, T1, T0)];
  const finish = [lui(T0, 0x100), lui(T1, 0x5), addi(T1, T1, 0x555), store(RV64.word, T1, T0), LOOP];
  const [guest] = outcome(elfOf(...plicPriority, ...plicEnable, ...transmitterEmpty, ...finish)).guests;
  expect(guest.stop).toEqual({ kind: "shutdown", code: 0 });
  expect(guest.counters.interrupts).toEqual({ raised: 1, injected: 1 });
});

test("SBI calls with senseless arguments are answered", () => {
  const nonsense = [
    ...[addi(A0, 0, -1), addi(A1, 0, -1), addi(A2, 0, -1)],
    ...[lui(A7, 0x8594), addi(A7, A7, 0x144), addi(A6, 0, 1), ECALL],
    ...[lui(A7, 0x44424), addi(A7, A7, 0x34e), addi(A6, 0, 0), addi(A0, 0, -1), ECALL],
    ...[addi(A6, 0, 1), addi(A0, 0, -1), ECALL, addi(A7, 0, -1), ECALL],
  ];
  const shutdown = [lui(A7, 0x53525), addi(A7, A7, 0x354), addi(A6, 0, 0), addi(A0, 0, 0), addi(A1, 0, 0), ECALL];
  expect(outcome(elfOf(...nonsense, ...shutdown)).guests[0].stop).toEqual({ kind: "shutdown", code: 0 });
});

test("a BAR over the guest's own RAM, or anywhere outside the window, maps nothing", () => {
  const config = [lui(T0, 0x30008)];
  const bar = [lui(T1, 0x80000), addi(T0, T0, 0x10), store(RV64.word, T1, T0), addi(T0, T0, -12)];
  const enable = [addi(T1, 0, 6), store(1, T1, T0)];
  const shutdown = [lui(A7, 0x53525), addi(A7, A7, 0x354), addi(A6, 0, 0), addi(A0, 0, 0), addi(A1, 0, 0), ECALL];
  const guests = [
    {
      kernel: elfOf(...config, ...bar, ...enable, ...shutdown),
      bootargs: "",
      mode: "assigned" as const,
      ram: 16 * MIB,
    },
  ];
  const result = outcome(probe, { guests });
  expect(result.guests[0].stop).toEqual({ kind: "shutdown", code: 0 });
  expect(result.damage).toEqual([]);
});

function attack(mode: AttachModeName, target: AttackTarget) {
  const bootargs = `workload=none driver=${MODES[mode].option}`;
  return run({
    guests: [{ kernel: probe, bootargs, mode, ram: 16 * MIB }],
    disks: [{ size: MIB }],
    core: "flat",
    maxCycles: 1e9,
    allowRaw: true,
    attack: { target },
  });
}

const targets = ["vmm", "guest", "nowhere"] as const;

test.each(["emulated", "assigned", "assigned-rewrite", "paravirtual"] as const)("%s stops a hostile driver", (mode) => {
  for (const target of targets) {
    const { guests, damage } = attack(mode, target);
    const forged = guests[0].attacks.filter(({ op }) => op !== "check");
    expect(forged).toHaveLength(2);
    expect(forged.some(({ status }) => status === "success")).toBe(false);
    expect(damage).toEqual([]);
  }
});

test.each(["assigned-service", "assigned-raw"] as const)("%s doesn't, and the damage has an owner", (mode) => {
  const owners = (target: AttackTarget) => attack(mode, target).damage.map(({ owner }) => owner);
  expect(owners("vmm")).toContain("vmm");
  expect(owners("guest")).toContain("neighbour");
});

test("what the IOMMU refused is in its fault queue: guest-page faults of the disk, with the address", () => {
  const { faults, guests } = attack("assigned", "vmm");
  const address = Number(guests[0].attacks[0].address);
  expect(faults.map(({ cause, deviceId, gpa, iova }) => ({ cause, deviceId, gpa, iova }))).toEqual([
    { cause: 23, deviceId: 8, gpa: address, iova: address },
    { cause: 21, deviceId: 8, gpa: address, iova: address },
  ]);
});
