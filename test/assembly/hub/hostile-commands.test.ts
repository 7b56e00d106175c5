// RISC-V IOMMU Architecture 1.0, "Command-Queue (CQ)", "Memory-mapped register interface": streams of any commands against the text, and
// registers written in any order.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Counter } from "../../../assembly/isa/counter.js";
import { Cqcsr, FCTL_WSI, IOMMU_SIZE, IommuReg } from "../../../assembly/isa/iommu.js";
import { DMA_CYCLES, RAM, RAM_START } from "../../../assembly/layout.js";
import { HubMachine, PAGE } from "../../support/iommu.js";

const RAM_BYTES = 0x4_0000;
const COMMAND = 500;

/** A field of `width` bits at bit `at`. */
interface Field {
  at: bigint;
  width: bigint;
}
const field = (at: number, width: number): Field => ({ at: BigInt(at), width: BigInt(width) });
const of = (word: bigint, { at, width }: Field) => (word >> at) & ((1n << width) - 1n);
const without = (word: bigint, fields: Field[]) =>
  fields.reduce((rest, { at, width }) => rest & ~(((1n << width) - 1n) << at), word);

const [OPCODE, FUNC3, AV, PSCID, PSCV, GV, GSCID] = [
  field(0, 7),
  field(7, 3),
  field(10, 1),
  field(12, 20),
  field(32, 1),
  field(33, 1),
  field(44, 16),
];
const [WSI, PR, PW, DATA, FENCE_ADDRESS] = [field(11, 1), field(12, 1), field(13, 1), field(32, 32), field(0, 62)];
const [PID, DV, DID] = [field(12, 20), field(33, 1), field(40, 24)];

interface Store {
  at: bigint;
  data: number;
}
type Effect = "cmd_ill" | "cqmf" | { store?: Store; wired?: boolean };

/** What one command does, by the tables of the chapter. `bits`: of a device_id. */
function effect([first, second]: readonly [bigint, bigint], bits: number, wsi: boolean, extended: boolean): Effect {
  const kind = `${of(first, OPCODE)}.${of(first, FUNC3)}`;
  switch (kind) {
    case "1.0":
    case "1.1": {
      const known = [OPCODE, FUNC3, AV, PSCID, PSCV, GV, GSCID];
      if (without(first, known) || without(second, [field(10, 52)])) return "cmd_ill";
      return kind === "1.1" && of(first, PSCV) ? "cmd_ill" : {};
    }
    case "2.0": {
      if (without(first, [OPCODE, FUNC3, AV, WSI, PR, PW, DATA]) || without(second, [FENCE_ADDRESS])) return "cmd_ill";
      const wired = of(first, WSI) === 1n;
      if (wired && !wsi) return "cmd_ill";
      if (!of(first, AV)) return { wired };
      const at = of(second, FENCE_ADDRESS) << 2n;
      const inRam = at >= BigInt(RAM_START) && at < BigInt(RAM_START + RAM_BYTES);
      const inFile = extended && at === S_FILE;
      return inRam || inFile ? { store: { at, data: Number(of(first, DATA)) }, wired } : "cqmf";
    }
    case "3.0":
    case "3.1": {
      if (without(first, [OPCODE, FUNC3, PID, DV, DID]) || second) return "cmd_ill";
      if (of(first, DV) && of(first, DID) >> BigInt(bits)) return "cmd_ill";
      return (kind === "3.0" ? of(first, PID) : !of(first, DV)) ? "cmd_ill" : {};
    }
    default:
      return "cmd_ill";
  }
}

/** The supervisor-level interrupt file of hart 0. */
const S_FILE = 0x2800_0000n;

const anyWord = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
/** Few ones, so that most reserved bits are zero. */
const fewBits = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0n) },
  { weight: 1, arbitrary: fc.nat({ max: 63 }).map((bit) => 1n << BigInt(bit)) },
);
const put = (value: number | bigint, { at }: Field) => BigInt(value) << at;
const flags = (...fields: Field[]) =>
  fc.subarray(fields).map((set) => set.reduce((word, one) => word | put(1, one), 0n));
const target = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: PAGE / 4 - 1 }).map((word) => BigInt(RAM_START + 8 * PAGE + 4 * word)) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(S_FILE, S_FILE + 4n, 0n, BigInt(RAM_START - 4), BigInt(RAM_START + RAM_BYTES)),
  },
  { weight: 1, arbitrary: anyWord.map((word) => word & ~3n) },
);

const invalidate = fc
  .tuple(fc.nat({ max: 2 }), flags(AV, PSCV, GV), fc.nat({ max: 0xf_ffff }), fc.nat({ max: 0xffff }), anyWord)
  .map(([func, set, pscid, gscid, address]): [bigint, bigint] => [
    1n | put(func, FUNC3) | set | put(pscid, PSCID) | put(gscid, GSCID),
    (address >> 12n) << 10n,
  ])
  .map(([first, second]): [bigint, bigint] => [first, second & ~(3n << 62n)]);
const fence = fc
  .tuple(flags(AV, WSI, PR, PW), fc.nat(), target)
  .map(([set, data, at]): [bigint, bigint] => [2n | set | put(data, DATA), at >> 2n]);
const directory = fc
  .tuple(fc.nat({ max: 1 }), fc.boolean(), fc.nat({ max: 300 }), fc.constantFrom(0, 0, 5))
  .map(([func, valid, device, pid]): [bigint, bigint] => [
    3n | put(func, FUNC3) | put(valid ? 1 : 0, DV) | put(device, DID) | put(pid, PID),
    0n,
  ]);
const command = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .tuple(fc.oneof(invalidate, fence, fence, directory), fewBits, fewBits)
      .map(([[first, second], a, b]): [bigint, bigint] => [first ^ a, second ^ b]),
  },
  { weight: 1, arbitrary: fc.tuple(anyWord, anyWord) },
  { weight: 1, arbitrary: fc.tuple(fc.nat({ max: 1023 }).map(BigInt), fc.constant(0n)) },
);

describe("streams of commands", () => {
  test.each([
    ["without IMSICs", false, true],
    ["with IMSICs, wires", true, true],
    ["with IMSICs, messages", true, false],
  ])("%s: what is done, and where the queue stops", (_name, extended, wsi) => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), fc.nat({ max: 63 }), (commands, start) => {
        const m = new HubMachine(RAM_BYTES);
        if (extended) m.withImsics(1, 1);
        m.setReg(IommuReg.fctl, wsi ? FCTL_WSI : 0);
        m.setReg(IommuReg.msi_cfg_tbl, Number(S_FILE));
        m.start(1);
        for (let i = 0; i < start; i++) m.command([2n, 0n]);
        const expected = m.u8.slice(RAM, RAM + RAM_BYTES);
        const view = new DataView(expected.buffer);
        const doneBefore = m.counter(Counter.IoCommands);
        const at = (index: number) => m.commandQueue + 16 * ((start + index) % 64);
        for (const [i, [first, second]] of commands.entries()) {
          view.setBigUint64(at(i) - RAM_START, first, true);
          view.setBigUint64(at(i) - RAM_START + 8, second, true);
        }
        let done = 0;
        let control = Cqcsr.cqen | Cqcsr.cie | Cqcsr.cqon;
        for (; done < commands.length; done++) {
          const what = effect(commands[done], extended ? 6 : 7, wsi, extended);
          if (typeof what === "string") {
            control |= what === "cqmf" ? Cqcsr.cqmf : Cqcsr.cmd_ill;
            break;
          }
          const { store, wired } = what;
          if (store && store.at !== S_FILE) view.setUint32(Number(store.at) - RAM_START, store.data, true);
          if (wired) control |= Cqcsr.fence_w_ip;
        }
        m.command(...commands);
        expect(m.reg(IommuReg.cqcsr)).toBe(control);
        expect(m.reg(IommuReg.cqh)).toBe((start + done) % 64);
        expect(m.counter(Counter.IoCommands) - doneBefore).toBe(done);
        expect(Buffer.compare(m.u8.subarray(RAM, RAM + RAM_BYTES), expected)).toBe(0);
      }),
      { seed: 71, numRuns: 100 },
    );
  });
});

describe("registers in any order", () => {
  const OWNED = 8;
  const owned = fc.nat({ max: OWNED - 1 }).map((page) => BigInt(RAM_START / PAGE + page) << 10n);
  const named = fc.oneof(
    fc.tuple(fc.constantFrom(IommuReg.cqb, IommuReg.fqb), owned, fc.nat({ max: 7 })),
    fc.tuple(fc.constant(IommuReg.ddtp), owned, fc.nat({ max: 15 })),
    fc.tuple(fc.constantFrom(IommuReg.cqt, IommuReg.fqh), fc.constant(0n), fc.nat()),
    fc.tuple(fc.constantFrom(IommuReg.cqcsr, IommuReg.fqcsr), fc.constant(0n), fc.nat({ max: 0xfff })),
    fc.tuple(fc.constant(IommuReg.tr_req_ctl), fc.constant(1n), fc.nat()),
    fc.tuple(fc.constant(IommuReg.tr_req_iova), anyWord, fc.constant(0)),
  );
  const other = fc
    .tuple(fc.nat({ max: IOMMU_SIZE / 4 - 1 }), fc.constant(0n), fc.nat())
    .map(([word, high, low]): [number, bigint, number] => [4 * word, high, low])
    .filter(([offset]) => ![IommuReg.cqb, IommuReg.fqb, IommuReg.ddtp].includes(offset & ~7));
  const step = fc.oneof({ weight: 4, arbitrary: named }, { weight: 1, arbitrary: other });

  test("only what the queues and directories own is written, and the work of a step is bounded", () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(step, { maxLength: 60 }),
        fc.infiniteStream(fc.nat()),
        (extended, steps, noise) => {
          const m = new HubMachine(RAM_BYTES);
          if (extended) m.withImsics(1, 1);
          for (let page = 0; page < OWNED; page++) {
            for (let at = 0; at < PAGE; at += 16) {
              const random = noise.next().value;
              const [first, second]: [bigint, bigint] = [
                BigInt([2, 2 | (1 << 10), 3, 1, 0, 1 << 10][random % 6]) | (BigInt(random) << 32n),
                BigInt(RAM_START + (random % (OWNED * PAGE))) >> 2n,
              ];
              m.write64(RAM_START + page * PAGE + at, random % 3 ? first : 0n);
              m.write64(RAM_START + page * PAGE + at + 8, random % 3 === 1 ? second : 0n);
            }
          }
          const before = m.u8.slice(RAM + OWNED * PAGE, RAM + RAM_BYTES);
          for (const [offset, high, low] of steps) {
            const records = m.counter(Counter.IoFaults);
            const commands = m.counter(Counter.IoCommands);
            m.setReg64(offset, high | BigInt(low));
            expect(m.counter(Counter.IoCommands) - commands).toBeLessThanOrEqual(2 * 256);
            expect(m.counter(Counter.IoFaults) - records).toBeLessThanOrEqual(2);
            expect(m.view.getUint32(DMA_CYCLES, true)).toBeLessThanOrEqual(256 * COMMAND + 1000 * 150);
            expect(m.reg(IommuReg.cqh)).toBeLessThan(256);
            expect(m.reg(IommuReg.fqt)).toBeLessThan(256);
          }
          expect(Buffer.compare(m.u8.subarray(RAM + OWNED * PAGE, RAM + RAM_BYTES), before)).toBe(0);
        },
      ),
      { seed: 72, numRuns: 60 },
    );
  });
});
