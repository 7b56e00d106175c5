// `yado conformance`: runs every RISC-V program that it is given as a test.
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Argument, Command, Option } from "commander";
import {
  junit,
  PROGRAM_HEADER,
  parseElf,
  programKind,
  type SuiteReport,
  suiteReport,
  summaryLine,
  type TestResult,
  testLine,
  UserError,
} from "../index.js";
import { readBytes, readStart, readText, reason, writeWhole } from "./files.js";
import { countOption, jobsOf, sizeOption, wordOption } from "./options.js";
import { hostFacts, type Session, Status, withSession } from "./session.js";
import { complain, print } from "./terminal.js";

const REPORTERS = ["text", "json", "junit"] as const;
const TIMINGS = ["flat", "caches"] as const;

/** Largest program, in bytes. */
const MOST_BYTES = 0x4000_0000;

interface Options {
  reporter: (typeof REPORTERS)[number];
  timing: (typeof TIMINGS)[number];
  filter?: string;
  maxInstructions: number;
  memory: number;
  signatures?: string;
  output?: boolean;
  jobs?: number;
  quiet?: boolean;
}

const EXAMPLES = `
Examples:
  yado conformance riscv-tests/isa                    every RISC-V executable below a directory
  yado conformance rv64ui-p-add rv64ui-p-sub          these two
  yado conformance isa --filter 'rv64u?-p-*'          those whose names fit
  yado conformance isa --reporter junit > junit.xml   for continuous integration

A test runs alone in M-mode, and ends by HTIF (the symbol tohost: 1 is success, an odd n means that test n >> 1 failed) or by
the board's finisher at 0x100000. A signature beside it (NAME.sig, .signature, .reference_output or .signature.output) is
compared with the memory from begin_signature to end_signature.

Exit code: 0 when all passed; 1 when one failed; 2 for input that can't be used.`;

export function conformanceCommand(): Command {
  return new Command("conformance")
    .summary("run tests of the instruction set, such as riscv-tests")
    .description("Runs every RISC-V ELF executable that it is given, and tells which of these tests pass.")
    .addArgument(new Argument("<paths...>", "programs, and directories to be searched for them"))
    .addOption(
      new Option("--reporter <kind>", `${REPORTERS.join(", ")}`)
        .default("text")
        .argParser(wordOption("--reporter", REPORTERS)),
    )
    .addOption(
      new Option("--timing <kind>", "flat, or caches: with modelled caches")
        .default("flat")
        .argParser(wordOption("--timing", TIMINGS)),
    )
    .addOption(new Option("--filter <pattern>", "only tests whose name contains it, or fits it where it has * or ?"))
    .addOption(
      new Option("--max-instructions <n>", "instructions after which a test has failed")
        .default(50_000_000)
        .argParser(countOption("--max-instructions")),
    )
    .addOption(
      new Option("-m, --memory <size>", "RAM of the machine")
        .default(0x2000_0000, "512M")
        .argParser(sizeOption("--memory")),
    )
    .addOption(new Option("--signatures <dir>", "put each test's signature there"))
    .addOption(new Option("--output", "show what tests print; that of failed ones is always shown"))
    .addOption(
      new Option("--jobs <n>", "tests at a time (default: one per processor)").argParser(countOption("--jobs")),
    )
    .addOption(new Option("--quiet", "no progress on standard error"))
    .addHelpText("after", EXAMPLES)
    .action(action);
}

/** A program that is to be run, or only to be mentioned. */
interface Found {
  readonly name: string;
  readonly path: string;
  readonly skip?: string;
}

async function action(paths: string[], options: Options): Promise<void> {
  const started = new Date();
  checkMemory(options.memory);
  const fits = filterOf(options.filter);
  const found = paths.flatMap(search).filter(({ name }) => fits(name));
  if (found.length === 0) {
    const [what, where] =
      options.filter === undefined
        ? ["there is no RISC-V executable", paths.join(", ")]
        : ["no test fits it", "--filter"];
    throw new UserError(what, where, "Name ELF files, or a directory that has some");
  }
  if (options.signatures !== undefined) makeDirectory(options.signatures);

  const report = await withSession(options, found.length, async (session) => {
    const list = new List(found.length, options);
    // a file is read when it is its turn
    let next = 0;
    const turns = Array.from({ length: jobsOf(options, found.length) }, async () => {
      for (let i = next++; i < found.length; i = next++) list.add(i, await runOne(found[i], options, session));
    });
    await Promise.all(turns);
    return suiteReport(list.results, session.version);
  });
  if (options.reporter === "json") {
    print(`${JSON.stringify({ ...report, host: hostFacts(started, {}) }, null, 2)}\n`);
  } else if (options.reporter === "junit") print(junit(report));
  conclude(report, options);
}

function conclude(report: SuiteReport, { reporter }: Options): void {
  (reporter === "text" ? print : complain)(`${summaryLine(report)}\n`);
  if (report.failed > 0) process.exitCode = Status.Failed;
}

async function runOne(test: Found, options: Options, { pool }: Session): Promise<TestResult> {
  const { name, path, skip } = test;
  if (skip !== undefined) return { name, outcome: "skipped", reason: skip, instructions: 0, output: "" };
  const { timing, memory, maxInstructions, signatures } = options;
  const result = await pool.test({
    name,
    elf: readBytes(path, path, MOST_BYTES),
    timing,
    memory,
    maxInstructions,
    reference: referenceOf(path),
    keepSignature: signatures !== undefined,
  });
  if (signatures !== undefined && result.signature) {
    const file = join(signatures, `${name}.signature`);
    makeDirectory(dirname(file));
    writeWhole(file, result.signature.map((line) => `${line}\n`).join(""), "--signatures");
  }
  const { signature, ...rest } = result;
  return rest;
}

/** Results in the order of the tests: shown as soon as those before are, and on a terminal how many there are. */
class List {
  readonly results: TestResult[] = [];
  private shown = 0;
  private done = 0;
  private readonly counting: boolean;

  constructor(
    private readonly total: number,
    private readonly options: Options,
  ) {
    this.counting = Boolean(process.stderr.isTTY) && !options.quiet;
  }

  add(i: number, result: TestResult): void {
    this.results[i] = result;
    this.done++;
    if (this.counting) complain("\r\x1b[K");
    for (; this.results[this.shown]; this.shown++) {
      if (this.options.reporter === "text") print(this.text(this.results[this.shown]));
    }
    if (this.counting && this.done < this.total) complain(`${this.done} of ${this.total} tests`);
  }

  private text(result: TestResult): string {
    const output = result.outcome === "failed" || this.options.output ? result.output.trimEnd() : "";
    return `${testLine(result)}\n${output ? `${output.replace(/^/gm, "  | ")}\n` : ""}`;
  }
}

// ---- what is to be run

/** The programs at a path, by name; those that are named must be usable. */
function search(path: string): Found[] {
  if (!existsSync(path)) throw new UserError("there is no such file or directory", path, "Check the path");
  if (!statSync(path).isDirectory()) {
    const { kind, ...rest } = programKind(readStart(path, PROGRAM_HEADER, path)) as { kind: string; reason?: string };
    if (kind === "skip") return [{ name: path, path, skip: rest.reason }];
    parseElf(readBytes(path, path, MOST_BYTES), path);
    return [{ name: path, path }];
  }
  let names: string[];
  try {
    names = readdirSync(path, { recursive: true, encoding: "utf8" });
  } catch (error) {
    throw new UserError(`can't read the directory: ${reason(error)}`, path, "Check its permissions");
  }
  return names.sort().flatMap((name) => below(path, name));
}

function below(directory: string, name: string): Found[] {
  const path = join(directory, name);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return [];
  const kind = programKind(readStart(path, PROGRAM_HEADER, path));
  if (kind.kind === "none") return [];
  return [{ name, path, skip: kind.kind === "skip" ? kind.reason : undefined }];
}

function filterOf(pattern: string | undefined): (name: string) => boolean {
  if (pattern === undefined) return () => true;
  if (!/[*?]/.test(pattern)) return (name) => name.includes(pattern);
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, ".*")
    .replace(/\?/g, ".");
  return (name) => new RegExp(`^(.*/)?${expression}$`).test(name);
}

const ENDINGS = [".sig", ".signature", ".reference_output", ".signature.output"];

/** The signature beside a program, under its name with or without its own ending. */
function referenceOf(path: string): { file: string; text: string } | undefined {
  const bases = [path, path.replace(/\.[^./]*$/, "")];
  const file = bases.flatMap((base) => ENDINGS.map((ending) => base + ending)).find((name) => existsSync(name));
  return file === undefined ? undefined : { file, text: readText(file, file) };
}

function checkMemory(memory: number): void {
  if (memory > 0 && memory % 0x1_0000 === 0 && memory <= 0x6000_0000) return;
  throw new UserError(`${memory} bytes of RAM are impossible`, "--memory", "Give a multiple of 64K, at most 1536M");
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(resolve(path), { recursive: true });
  } catch (error) {
    throw new UserError(`can't make ${path}: ${reason(error)}`, "--signatures", "Name a directory that can be written");
  }
}
