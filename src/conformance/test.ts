// One test: an ELF file alone on the machine, in M-mode, until it says by HTIF or by the finisher how it ended.
import { Csr } from "../../assembly/isa/csr.js";
import { Core } from "../core/core.js";
import { buildBoard } from "../platform/board.js";
import { bootBare } from "../platform/boot.js";
import { elfSymbols } from "../platform/elf-symbols.js";
import { attachHtif } from "../platform/htif.js";
import type { Machine, StopReason } from "../platform/machine.js";
import { UserError } from "../platform/user-error.js";
import { compareSignature, parseReference, signatureLines } from "./signature.js";

/** What a test depends on: plain data, so that it can go to a worker. */
export interface TestConfig {
  readonly name: string;
  readonly elf: Uint8Array;
  /** "flat" has no caches and runs faster; "caches" models them. */
  readonly timing: "flat" | "caches";
  /** Bytes of RAM, a multiple of 64 KiB. */
  readonly memory: number;
  /** Instructions after which the test has failed. */
  readonly maxInstructions: number;
  /** The signature that is expected, as text, and the file that it is from. */
  readonly reference?: { readonly file: string; readonly text: string };
  /** Whether the result holds the signature. */
  readonly keepSignature?: boolean;
}

export interface TestResult {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped. */
  readonly reason?: string;
  readonly instructions: number;
  /** What the test said that failed: the number of the case that went wrong. */
  readonly failedCase?: number;
  /** Where the hart stood at the end of a failed test, and its last trap in M-mode, if there was one. */
  readonly pc?: string;
  readonly trap?: { readonly mcause: string; readonly mepc: string; readonly mtval: string };
  /** What the test printed. */
  readonly output: string;
  readonly signature?: readonly string[];
}

/** Cycles per instruction beyond which a test is thought to wait for ever, or to do nothing but trap. */
const MOST_CYCLES = 100;
/** Longest stretch of cycles without looking at tohost, for stores that HTIF doesn't see (those of atomics). */
const STRETCH = 10_000_000;

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

export function runTest(config: TestConfig): TestResult {
  const machine = buildBoard({ core: new Core(config.memory, config.timing === "caches" ? "timed" : "flat") }).machine;
  const ended = (outcome: TestResult["outcome"], more: Partial<TestResult> = {}): TestResult => ({
    name: config.name,
    outcome,
    instructions: machine.core.instret,
    output: machine.console.text(),
    ...more,
  });
  try {
    bootBare(machine, { bytes: config.elf, name: config.name });
  } catch (error) {
    if (error instanceof UserError) return ended("failed", { reason: error.problem });
    throw error;
  }
  const fault = failure(run(machine, config), config);
  const { signature, complaint } = examine(machine, config);
  const kept = config.keepSignature ? { signature } : {};
  if (fault) return ended("failed", { ...fault, ...place(machine), ...kept });
  return complaint ? ended("failed", { reason: complaint, ...kept }) : ended("passed", kept);
}

/** Runs to the end, or until one of the limits. */
function run(machine: Machine, { elf, maxInstructions }: TestConfig): StopReason {
  const { core } = machine;
  const htif = attachHtif(machine, elf);
  const lastCycle = maxInstructions * MOST_CYCLES;
  let stop: StopReason = { kind: "deadline" };
  while (stop.kind === "deadline" && core.instret < maxInstructions && core.cycles < lastCycle) {
    const [instret, idle] = [core.instret, machine.account.cycles().idle];
    // an instruction takes a cycle at least
    stop = machine.run(core.cycles + Math.min(STRETCH, maxInstructions - core.instret));
    htif?.poll();
    if (stop.kind === "deadline" && core.instret === instret && machine.account.cycles().idle === idle) {
      return { kind: "guest-error", message: "takes trap after trap, and its handler traps too" };
    }
  }
  return stop;
}

function failure(
  stop: StopReason,
  { maxInstructions }: TestConfig,
): Pick<TestResult, "reason" | "failedCase"> | undefined {
  switch (stop.kind) {
    case "finished":
      return stop.code === 0 ? undefined : { reason: `test ${stop.code}`, failedCase: stop.code };
    case "deadline":
      return { reason: `no end within ${maxInstructions} instructions` };
    case "deadlock":
      return { reason: "waits for an interrupt that never comes" };
    case "reset":
      return { reason: "asked for a reset" };
    case "guest-error":
      return { reason: stop.message };
  }
}

/** Where a test that failed stood. */
function place(machine: Machine): Pick<TestResult, "pc" | "trap"> {
  const { core } = machine;
  const [mcause, mepc, mtval] = [Csr.mcause, Csr.mepc, Csr.mtval].map((n) => core.csr(n));
  return {
    pc: hex(core.pc),
    ...(mepc === 0n && mcause === 0n ? {} : { trap: { mcause: hex(mcause), mepc: hex(mepc), mtval: hex(mtval) } }),
  };
}

/** The signature, and what is wrong with it. */
function examine(
  { core }: Machine,
  { elf, reference, keepSignature }: TestConfig,
): { signature?: readonly string[]; complaint?: string } {
  if (!reference && !keepSignature) return {};
  const symbols = elfSymbols(elf, ["begin_signature", "end_signature"]);
  const [begin, end] = ["begin_signature", "end_signature"].map((name) => symbols.get(name));
  if (begin === undefined || end === undefined || !core.inRam(begin, end - begin)) {
    return reference
      ? { complaint: `${reference.file}: the program has no begin_signature and end_signature in RAM` }
      : {};
  }
  const memory = core.slice(begin, end - begin);
  if (!reference) return { signature: signatureLines(memory) };
  const lines = parseReference(reference.text);
  if (!lines)
    return {
      signature: signatureLines(memory),
      complaint: `${reference.file}: not lines of 8, 16 or 32 hexadecimal digits`,
    };
  return { signature: signatureLines(memory, lines[0].length / 2), complaint: compareSignature(memory, lines, begin) };
}
