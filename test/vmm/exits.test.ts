// The exit handlers with made-up exits: every value in the record is the guest's, and none of them may throw.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Cause, Interrupt } from "../../assembly/isa/cause.js";
import { Exit } from "../../assembly/isa/exit.js";
import {
  EXIT_CAUSE,
  EXIT_GPA,
  EXIT_PENDING,
  EXIT_SIZE,
  EXIT_TINST,
  EXIT_TVAL,
  EXIT_VALUE,
  EXIT_WRITE,
} from "../../assembly/layout.js";
import { Costs } from "../../src/platform/costs.js";
import { vmmCosts } from "../../src/vmm/costs.js";
import { type ExitGuest, ExitRecord, onExit } from "../../src/vmm/exits/index.js";
import { fakeCore } from "../support/fake-core.js";

fc.configureGlobal({ seed: 84 });

const costs = vmmCosts(new Costs());
const REGISTER = 0x1000_0000;

interface MadeUp {
  cause?: number;
  tval?: bigint;
  gpa?: number;
  size?: number;
  write?: boolean;
  value?: bigint;
  tinst?: number;
}

function leave(exit: Exit, made: MadeUp = {}) {
  const core = fakeCore([]);
  core.u32[EXIT_CAUSE >>> 2] = made.cause ?? 0;
  core.u64[EXIT_TVAL >>> 3] = made.tval ?? 0n;
  core.setNumber(EXIT_GPA, made.gpa ?? 0);
  core.u32[EXIT_SIZE >>> 2] = made.size ?? 0;
  core.u32[EXIT_WRITE >>> 2] = made.write ? 1 : 0;
  core.u64[EXIT_VALUE >>> 3] = made.value ?? 0n;
  core.u32[EXIT_TINST >>> 2] = made.tinst ?? 0;
  const done: string[] = [];
  const note = (what: string) => void done.push(what);
  const guest: ExitGuest = {
    costs,
    charge: () => {},
    count: (reason) => note(reason),
    readRegister: (gpa, size) => {
      note(`read ${size}`);
      return gpa === REGISTER ? { low: 0x1234, high: 0x5678 } : undefined;
    },
    writeRegister: (gpa, size, low, high) => {
      note(`write ${size} ${low} ${high}`);
      return gpa === REGISTER;
    },
    inject: (cause, tval) => note(`inject ${cause} ${tval}`),
    sbi: () => note("sbi"),
    step: (bytes) => note(`step ${bytes}`),
    wait: () => note("wait"),
    externalInterrupt: () => note("external"),
    sliceOver: () => note("slice"),
    crash: (what) => note(`crash ${what}`),
  };
  onExit[exit](guest, new ExitRecord(core));
  return { done, core, pending: core.u32[EXIT_PENDING >>> 2] };
}

test("a load from a register gets its value and steps on", () => {
  const { done, core, pending } = leave(Exit.LoadGuestPageFault, { gpa: REGISTER, size: 8 });
  expect(done).toEqual(["read 8", "mmio-read"]);
  expect(core.u64[EXIT_VALUE >>> 3]).toBe(0x5678_0000_1234n);
  expect(pending).toBe(1);
});

test("a store to a register passes its value and steps on", () => {
  const made = { gpa: REGISTER, size: 4, write: true, value: 0x9_0000_0007n };
  const { done, pending } = leave(Exit.StoreGuestPageFault, made);
  expect(done).toEqual(["write 4 7 9", "mmio-write"]);
  expect(pending).toBe(3);
});

test.each([
  ["nowhere", Exit.LoadGuestPageFault, { gpa: 0x2000_0000, size: 4 }, "inject 5 9"],
  ["nowhere, stored", Exit.StoreGuestPageFault, { gpa: 0x2000_0000, size: 4, write: true }, "inject 7 9"],
  ["a fetch", Exit.InstructionGuestPageFault, { gpa: REGISTER }, "inject 1 9"],
] as const)("%s: the access fault that a bare machine would raise", (_, exit, made, injected) => {
  const { done, pending } = leave(exit, { ...made, tval: 9n });
  expect(done.slice(-2)).toEqual(["page-fault", injected]);
  expect(pending).toBe(0);
});

test.each([
  ["a page walk's read", { tinst: 0x3000, size: 8 }],
  ["a page walk's write", { tinst: 0x3020, size: 8 }],
  ["an odd size", { size: 16 }],
  ["no size (AMO)", { size: 0 }],
])("%s never reaches a device", (_, made) => {
  expect(leave(Exit.LoadGuestPageFault, { ...made, gpa: REGISTER }).done).toEqual(["page-fault", "inject 5 0"]);
  expect(leave(Exit.StoreGuestPageFault, { ...made, gpa: REGISTER, write: true }).done).toEqual([
    "page-fault",
    "inject 7 0",
  ]);
});

test("ECALL is stepped over before the call, so that a call which stops the guest leaves it behind", () => {
  expect(leave(Exit.EnvironmentCallFromVS).done).toEqual(["ecall", "step 4", "sbi"]);
});

test("interrupts go to who asked for them", () => {
  expect(leave(Exit.Interrupt, { cause: Interrupt.SupervisorExternal }).done).toEqual([
    "external-interrupt",
    "external",
  ]);
  expect(leave(Exit.Interrupt, { cause: Interrupt.SupervisorTimer }).done).toEqual(["timer", "slice"]);
  expect(leave(Exit.Interrupt, { cause: 60 }).done).toEqual(["other-interrupt"]);
});

test("WFI waits; what only HS-mode may execute is illegal to the guest", () => {
  expect(leave(Exit.WaitForInterrupt).done).toEqual(["wfi", "wait"]);
  expect(leave(Exit.VirtualInstruction, { tval: 0x73n }).done).toEqual(["virtual-instruction", "inject 2 115"]);
});

test("exceptions that a guest can cause are its own; others stop it", () => {
  expect(leave(Exit.Exception, { cause: Cause.LoadAccessFault, tval: 3n }).done).toEqual(["exception", "inject 5 3"]);
  expect(leave(Exit.Exception, { cause: 19 }).done[1]).toMatch(/^crash/);
  expect(leave(Exit.EnvironmentCallFromS).done[1]).toMatch(/^crash/);
});

test("no record of any content makes a handler throw", () => {
  const word = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const made = fc.record({
    cause: u32,
    tval: word,
    gpa: fc.maxSafeInteger(),
    size: u32,
    write: fc.boolean(),
    value: word,
    tinst: u32,
  });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 }), made, (exit, record) => {
      expect([0, 1, 3]).toContain(leave(exit as Exit, { ...record, gpa: Math.abs(record.gpa) }).pending);
    }),
  );
});
