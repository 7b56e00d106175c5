// A device, a guest or a driver may write anything anywhere: the hub answers with faults, never with a trap, and comes back.
import { expect, test } from "vitest";
import { Counter } from "../../../assembly/isa/counter.js";
import { Cqcsr, IOMMU_SIZE, IommuMode, IommuReg, Tc } from "../../../assembly/isa/iommu.js";
import { RAM, RAM_START, STAGING } from "../../../assembly/layout.js";
import { HubMachine, iodirInvalDdt, iotinvalVma, PAGE } from "../../support/iommu.js";

const RAM_SIZE = 0x10_0000;
const PAGES = RAM_SIZE / PAGE;
const DEVICES = 16;

/** xorshift32: a number below `n`. */
function random(seed: number): (n: number) => number {
  let x = seed;
  return (n) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % n;
  };
}
type Pick = ReturnType<typeof random>;

const noise = (pick: Pick): bigint => (BigInt(pick(2 ** 32)) << 32n) | BigInt(pick(2 ** 32));
const somePage = (pick: Pick): bigint => BigInt(RAM_START / PAGE + pick(PAGES));

/** Half pointers to tables, a third leaves (of superpages, too) with some permission, the rest commands, contexts, and noise. */
function word(pick: Pick): bigint {
  const kind = pick(100);
  if (kind < 50) return (somePage(pick) << 10n) | 1n;
  if (kind < 60) return (somePage(pick) << 10n) | 0xdfn;
  if (kind < 75) return (BigInt(RAM_START / PAGE) << 10n) | 0xdfn;
  if (kind < 85) return (somePage(pick) << 10n) | BigInt(pick(1024));
  if (kind < 88) return (BigInt(8 + pick(3)) << 60n) | (somePage(pick) & ~3n);
  return kind < 92 ? noise(pick) : [1n, 2n, 3n, 0x81n, 0x83n, 0x31n, 0x1_0000_0001n, 0n][kind - 92];
}

/** What a driver would do: a directory of one level with contexts that point at whatever is there, and both queues on. */
function repair(m: HubMachine, pick: Pick): void {
  const root = BigInt(RAM_START / PAGE);
  m.setReg64(IommuReg.ddtp, (root << 10n) | BigInt(IommuMode.OneLevel));
  for (let device = 0; device < DEVICES; device++) {
    const at = RAM_START + 32 * device;
    const second = pick(2) ? (BigInt(8 + pick(3)) << 60n) | (somePage(pick) & ~3n) : 0n;
    const first = pick(2) ? (BigInt(8 + pick(3)) << 60n) | somePage(pick) : 0n;
    const process = pick(6) ? 0 : Tc.PDTV | Tc.DPE;
    m.write64(at, BigInt(Tc.V | (pick(4) * Tc.GADE) | process));
    m.write64(at + 8, second | (BigInt(pick(4)) << 44n));
    m.write64(at + 16, BigInt(pick(4)) << 12n);
    m.write64(at + 24, process ? (1n << 60n) | somePage(pick) : first);
  }
  for (const queue of [IommuReg.cqcsr, IommuReg.fqcsr]) m.setReg(queue, 0);
  m.startCommands(RAM_START + PAGE * pick(PAGES), 1 + pick(8), Cqcsr.cqen | pick(4));
  m.startFaults(RAM_START + PAGE * pick(PAGES), 1 + pick(8), 1 | pick(4));
  m.setReg(IommuReg.ipsr, pick(16));
  m.command(iodirInvalDdt(), iotinvalVma());
}

const REGISTERS = [
  IommuReg.ddtp,
  IommuReg.cqb,
  IommuReg.fqb,
  IommuReg.cqt,
  IommuReg.fqh,
  IommuReg.cqcsr,
  IommuReg.fqcsr,
];

function step(m: HubMachine, pick: Pick): void {
  const device = pick(10) ? pick(DEVICES) : pick(2 ** 24);
  const length = pick(20) ? pick(256) : pick(20_000);
  const iova = pick(2) ? BigInt(RAM_START + pick(RAM_SIZE)) : noise(pick) >> BigInt(24 + pick(40));
  const kind = pick(100);
  if (kind < 2) repair(m, pick);
  else if (kind < 4) m.setReg(REGISTERS[pick(REGISTERS.length)], pick(2 ** 32));
  else if (kind < 6) m.setReg(pick(IOMMU_SIZE), pick(2 ** 32));
  else if (kind < 15) m.setReg(IommuReg.cqt, pick(256));
  else if (kind < 30) m.write64(RAM_START + 8 * pick(RAM_SIZE / 8), word(pick));
  else if (kind < 33) m.request(device, Number(iova & 0xfff_ffff_f000n), { pid: pick(2 ** 20), priv: pick(2) === 1 });
  else if (kind < 35) m.reg(pick(IOMMU_SIZE));
  else if (kind < 70) m.dmaRead(device, iova, length);
  else m.dmaWrite(device, iova, length);
}

function attacked(seed: number, steps: number): HubMachine {
  const pick = random(seed);
  const m = new HubMachine(RAM_SIZE);
  m.exports.hubConfigure(4, 2, pick(4), seed);
  for (let at = RAM_START; at < RAM_START + RAM_SIZE; at += 8) m.write64(at, word(pick));
  for (let at = 0; at < 0x8000; at += 8) m.view.setBigUint64(STAGING + at, word(pick), true);
  repair(m, pick);
  for (let i = 0; i < steps; i++) step(m, pick);
  return m;
}

test.each([1, 2, 3, 4, 5])("garbage in tables, queues and registers, seed %i", (seed) => {
  const m = attacked(seed, 10_000);
  const reached = [
    Counter.IoFaults,
    Counter.IoWalkReferences,
    Counter.IoCommands,
    Counter.IotlbHits,
    Counter.IotlbEvictions,
  ];
  expect(reached.map((counter) => m.counter(counter)).filter((count) => count < 30)).toEqual([]);
  expect(m.u8.subarray(RAM - PAGE, RAM).every((byte) => byte === 0)).toBe(true);
});

test("the same seed leaves the same memory and the same counters", () => {
  const [a, b] = [attacked(99, 2000), attacked(99, 2000)];
  expect(Buffer.from(a.core.ram).equals(b.core.ram)).toBe(true);
  const counters = (m: HubMachine) => Array.from({ length: 31 }, (_, i) => m.counter(i as Counter));
  expect(counters(a)).toEqual(counters(b));
});
