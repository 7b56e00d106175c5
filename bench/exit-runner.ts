// Host time of one exit: node build/bench-exit-runner.mjs COUNT LOOPS.wasm
// Prints {case: nanoseconds of user CPU time per exit} as JSON. The guest is a loop of the trapping instruction and a jump.
import { Csr } from "../assembly/isa/csr.js";
import { Counter } from "../assembly/isa/counter.js";
import { Exit, Handler, Host } from "../assembly/isa/exit.js";
import { Mode } from "../assembly/isa/privilege.js";
import {
  EXIT_PENDING,
  EXIT_VALUE,
  HART_HOST,
  HART_MODE,
  HART_PC,
  HART_VIRT,
  RAM,
  RAM_START,
  SHADOW_COUNT,
  SHADOW_REGISTERS,
  X_REGS,
} from "../assembly/layout.js";
import type { Core } from "../src/core/core.js";
import { openMemory } from "../src/platform/pmp.js";
import { bareMachine } from "./bare.js";
import { instantiateLoops, nanoseconds } from "./loops.js";

const [countText, loopsWasm] = process.argv.slice(2);
const count = Number(countText);
const DEVICE = 0x0900_0000n;
const GSTAGE = RAM_START + 0x10_0000;
const VMID = 1;
const SBI_BASE = 0x10n;
const A1 = 11;
const A7 = 17;

const ECALL = 0x0000_0073;
const LW_A0_A1 = 0x0005_a503;
const SW_A0_A1 = 0x00a5_a023;
const JUMP_BACK = 0xffdf_f06f; // j .-4

/** A hart at a loop of `instruction`, in M-mode; or in VS-mode, with the host as its hypervisor. */
function looping(instruction: number, hosted: boolean): Core {
  const core = bareMachine("timed");
  core.store(RAM_START, new Uint8Array(Uint32Array.of(instruction, JUMP_BACK).buffer));
  core.pc = BigInt(RAM_START);
  core.setX(A1, DEVICE);
  if (hosted) {
    // G-stage Sv39x4: RAM as one page of 1 GiB, identity; nothing at the device
    core.store(GSTAGE + 2 * 8, new Uint8Array(BigUint64Array.of(((BigInt(RAM_START) >> 12n) << 10n) | 0xdfn).buffer));
    core.setCsr(Csr.hgatp, (8n << 60n) | (BigInt(VMID) << 44n) | BigInt(GSTAGE >>> 12));
    core.setCsr(Csr.medeleg, (1n << 10n) | (1n << 21n) | (1n << 23n)); // ECALL from VS, guest-page faults
    openMemory(core);
    core.u32[HART_HOST >>> 2] = Host.M | Host.HS;
    core.u32[HART_MODE >>> 2] = Mode.S;
    core.u32[HART_VIRT >>> 2] = 1;
    core.exports.flushTranslations();
  }
  return core;
}

/** Nanoseconds of CPU time per exit, when `handle` is all that is done about it. */
function measure(core: Core, expected: Exit, handle: (core: Core) => void): number {
  return nanoseconds(count, (exits) => {
    for (let i = 0; i < exits; ) {
      const exit = core.run(core.cycles + 1_000_000);
      if (exit === Exit.Deadline) continue;
      if (exit !== expected) throw new Error(`exit ${exit} instead of ${expected}`);
      handle(core);
      i++;
    }
  });
}

const answer = (core: Core) => core.setNumber(EXIT_VALUE, 42);
const step = (core: Core) => core.setNumber(HART_PC, core.number(HART_PC) + 4);
const emulate = (pending: number) => (core: Core) => {
  answer(core);
  core.u32[EXIT_PENDING >>> 2] = pending;
};

/** Nanoseconds of CPU time per exit that the core finishes by itself and counts in `counter`. */
function measureFinished(core: Core, counter: Counter): number {
  const slice = () => {
    const before = core.counter(counter);
    const start = process.cpuUsage();
    while (core.counter(counter) < before + count) {
      const exit = core.run(core.cycles + 1_000_000);
      if (exit !== Exit.Deadline) throw new Error(`exit ${exit} left Wasm`);
    }
    return (process.cpuUsage(start).user * 1000) / (core.counter(counter) - before);
  };
  slice(); // until V8 has optimized it
  return Math.min(slice(), slice(), slice());
}

/** A guest's SBI call of the BASE extension. */
function finishedCall(): number {
  const core = looping(ECALL, true);
  core.setX(A7, SBI_BASE);
  core.exports.setHandler(Exit.EnvironmentCallFromVS, Handler.Sbi);
  return measureFinished(core, Counter.ExitsSbi);
}

/** A guest's read of a device register that the host keeps for it. */
function finishedRead(): number {
  const core = looping(LW_A0_A1, true);
  core.u64[SHADOW_REGISTERS >>> 3] = DEVICE;
  core.u32[(SHADOW_REGISTERS >>> 2) + 2] = 42;
  core.u32[(SHADOW_REGISTERS >>> 2) + 3] = VMID;
  core.u32[SHADOW_COUNT >>> 2] = 1;
  core.exports.setHandler(Exit.LoadGuestPageFault, Handler.ShadowRead);
  return measureFinished(core, Counter.ExitsShadowRead);
}

/** The same MMIO load, answered by a loop in Wasm. */
function measureInWasm(): number {
  const { exports, memory } = instantiateLoops(loopsWasm, 0x100_0000);
  const u64 = new BigUint64Array(memory.buffer);
  new Uint32Array(memory.buffer).set([LW_A0_A1, JUMP_BACK], RAM >>> 2);
  u64[(X_REGS >>> 3) + A1] = DEVICE;
  u64[HART_PC >>> 3] = BigInt(RAM_START);
  return nanoseconds(count, (n) => {
    if (exports.answerExits(n, Number.MAX_SAFE_INTEGER) !== n) throw new Error("an exit other than MMIO");
  });
}

process.stdout.write(
  JSON.stringify({
    "wasm/guest-ecall": finishedCall(),
    "wasm/guest-load-fault": finishedRead(),
    "wasm/mmio-load": measureInWasm(),
    "typescript/mmio-load": measure(looping(LW_A0_A1, false), Exit.Mmio, answer),
    "typescript/mmio-store": measure(looping(SW_A0_A1, false), Exit.Mmio, () => {}),
    "typescript/guest-ecall": measure(looping(ECALL, true), Exit.EnvironmentCallFromVS, step),
    "typescript/guest-load-fault": measure(looping(LW_A0_A1, true), Exit.LoadGuestPageFault, emulate(1)),
    "typescript/guest-store-fault": measure(looping(SW_A0_A1, true), Exit.StoreGuestPageFault, emulate(3)),
  }),
);
