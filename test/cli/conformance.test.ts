// `yado conformance` as a user runs it: which files are tests, what is printed, exit codes.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RAM_START } from "../../assembly/layout.js";
import { DATA_OFFSET, header, program } from "../conformance/elf.js";
import { a0, a1, addi, auipc, jal, sd, slli, zero } from "../support/assembler.js";
import { scratch, yado } from "./command.js";

const DATA = RAM_START + DATA_OFFSET;
const SYMBOLS = { tohost: DATA, begin_signature: DATA + 64, end_signature: DATA + 72 };
const code = (value: number) => [auipc(a0, 1), addi(a1, zero, value), sd(a1, 0, a0), jal(zero, 0)];
const said = [auipc(a0, 1), addi(a1, zero, 0x101), slli(a1, a1, 48), addi(a1, a1, 38), sd(a1, 0, a0)];
const data = new Uint8Array(72).fill(0xab, 64);
const passing = program(code(1), SYMBOLS, data);
const failing = program([...said, ...code(9).slice(1)], SYMBOLS, data);

/** A suite: tests in folders, files that are none, a program for another machine. */
function suite(): string {
  const directory = scratch();
  mkdirSync(join(directory, "deep", "er"), { recursive: true });
  writeFileSync(join(directory, "deep", "er", "good.elf"), passing);
  writeFileSync(join(directory, "another"), passing);
  writeFileSync(join(directory, "old"), header({ bits: 1 }));
  writeFileSync(join(directory, "object.o"), header({ type: 1 }));
  writeFileSync(join(directory, "notes.txt"), "no program");
  writeFileSync(join(directory, "empty"), "");
  return directory;
}

test("a directory: every RISC-V executable below it, a line each in the order of names, the summary last", () => {
  const cwd = suite();
  expect(yado(["conformance", "."], { cwd })).toEqual({
    status: 0,
    stdout: "ok another 2\nok deep/er/good.elf 2\nskip old for RV32\n2 passed, 0 failed, 1 skipped\n",
    stderr: "",
  });
});

test("a failed test: exit code 1, why and where, what it printed", () => {
  const cwd = suite();
  writeFileSync(join(cwd, "bad"), failing);
  const { status, stdout } = yado(["conformance", ".", "--jobs", "3"], { cwd });
  expect(status).toBe(1);
  expect(stdout.split("\n").slice(1, 3)).toEqual(["FAIL bad test 4 at pc 0x80000018", "  | &"]);
  expect(stdout).toMatch(/\n2 passed, 1 failed, 1 skipped\n$/);
});

test("signatures beside a program are compared, with or without its ending; --signatures writes them", () => {
  const cwd = suite();
  writeFileSync(join(cwd, "another.sig"), "abababab\nabababab\n");
  writeFileSync(join(cwd, "deep/er/good.reference_output"), "ababababababab00\n");
  const { status, stdout } = yado(["conformance", ".", "--signatures", "out"], { cwd });
  expect([status, stdout.split("\n").slice(0, 2)]).toEqual([
    1,
    ["ok another 2", "FAIL deep/er/good.elf signature line 1 (0x80001040) is abababababababab, not ababababababab00"],
  ]);
  expect(readFileSync(join(cwd, "out/deep/er/good.elf.signature"), "utf8")).toBe("abababababababab\n");
});

test("--filter takes a part of the name or a pattern", () => {
  const cwd = suite();
  const names = (...args: string[]) =>
    yado(["conformance", ".", ...args], { cwd })
      .stdout.split("\n")
      .slice(0, -2)
      .map((line) => line.split(" ")[1]);
  expect(names("--filter", "oo")).toEqual(["deep/er/good.elf"]);
  expect(names("--filter", "*o?h*")).toEqual(["another"]);
  expect(names("--filter", "good.*")).toEqual(["deep/er/good.elf"]);
});

test("JSON and JUnit go to standard output, the summary to standard error", () => {
  const cwd = suite();
  writeFileSync(join(cwd, "a<&b"), failing);
  const json = yado(["conformance", ".", "--reporter", "json", "--timing", "caches"], { cwd });
  expect(JSON.parse(json.stdout)).toMatchObject({
    schema: "yado.conformance/1",
    passed: 2,
    failed: 1,
    skipped: 1,
    tests: [{ name: "a<&b", failedCase: 4, output: "&" }, { name: "another" }, { name: "deep/er/good.elf" }, {}],
  });
  const { status, stdout, stderr } = yado(["conformance", ".", "--reporter", "junit"], { cwd });
  expect([status, stderr]).toEqual([1, "2 passed, 1 failed, 1 skipped\n"]);
  expect(stdout).toContain('<testsuites tests="4" failures="1" errors="0" skipped="1">');
  expect(stdout).toContain(
    '<testcase name="a&lt;&amp;b" classname="conformance"><failure message="test 4 at pc 0x80000018"/>' +
      "<system-out>&amp;</system-out></testcase>",
  );
  expect(stdout).toContain('<testcase name="good.elf" classname="deep/er"></testcase>');
  expect(stdout).toContain('<skipped message="for RV32"/>');
});

test("limits and memory are the user's to set", () => {
  const cwd = scratch();
  writeFileSync(join(cwd, "loop"), program([jal(zero, 0)]));
  writeFileSync(join(cwd, "high"), program(code(1), SYMBOLS, data, RAM_START + 0x10_0000));
  const { status, stdout } = yado(["conformance", ".", "-m", "64K", "--max-instructions", "1000"], { cwd });
  expect([status, stdout]).toEqual([
    1,
    "FAIL high is linked at 0x80100000…0x80101048, outside RAM\n" +
      "FAIL loop no end within 1000 instructions at pc 0x80000000\n0 passed, 2 failed, 0 skipped\n",
  ]);
});

test("input that can't be used: exit code 2 and one line that says what and where", () => {
  const cwd = suite();
  writeFileSync(join(cwd, "cut"), passing.subarray(0, 100));
  mkdirSync(join(cwd, "bare"));
  copyFileSync(join(cwd, "notes.txt"), join(cwd, "bare", "notes.txt"));
  for (const [args, message] of [
    [["nowhere"], /^yado: nowhere: there is no such file/],
    [["notes.txt"], /^yado: notes.txt: not an ELF file/],
    [["cut"], /^yado: cut: truncated/],
    [["bare"], /^yado: bare: there is no RISC-V executable/],
    [[".", "--filter", "zzz"], /^yado: --filter: no test fits it/],
    [[".", "--reporter", "xml"], /^yado: --reporter: unknown value "xml"/],
    [[".", "-m", "1000"], /^yado: --memory: 1000 bytes of RAM are impossible/],
    [[".", "--max-instructions", "0"], /^yado: --max-instructions: "0" is no count/],
    [[".", "--signatures", "notes.txt"], /^yado: --signatures: can't make notes.txt/],
  ] as const) {
    const { status, stdout, stderr } = yado(["conformance", ...args], { cwd });
    expect([args, status, stdout, stderr.trimEnd().split("\n").length]).toEqual([args, 2, "", 1]);
    expect(stderr).toMatch(message);
  }
});
