// Results of a suite: as lines for people, as JSON, and as JUnit XML for continuous integration.
import type { TestResult } from "./test.js";

export interface SuiteReport {
  readonly schema: "yado.conformance/1";
  readonly version: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly tests: readonly TestResult[];
}

export function suiteReport(tests: readonly TestResult[], version: string): SuiteReport {
  const number = (outcome: TestResult["outcome"]) => tests.filter((test) => test.outcome === outcome).length;
  const [passed, failed, skipped] = [number("passed"), number("failed"), number("skipped")];
  return { schema: "yado.conformance/1", version, passed, failed, skipped, tests };
}

/** "test 5 at pc 0x80000abc; last trap: mcause 0x2, mepc 0x80000120, mtval 0x0". */
export function reasonOf({ reason, pc, trap }: TestResult): string {
  const where = pc === undefined ? "" : ` at pc ${pc}`;
  const last = trap ? `; last trap in M-mode: mcause ${trap.mcause}, mepc ${trap.mepc}, mtval ${trap.mtval}` : "";
  return `${reason}${where}${last}`;
}

/** A line a test. */
export function testLine(test: TestResult): string {
  if (test.outcome === "passed") return `ok ${test.name} ${test.instructions}`;
  return `${test.outcome === "failed" ? "FAIL" : "skip"} ${test.name} ${reasonOf(test)}`;
}

export function summaryLine({ passed, failed, skipped }: SuiteReport): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Text as XML has it, without the characters that it can't. */
function xml(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replace(/[&<>"]/g, (character) => entities[character]);
}

/** JUnit's XML: one suite, whose test cases have the folder as their class. */
export function junit({ passed, failed, skipped, tests }: SuiteReport): string {
  const counts = `tests="${passed + failed + skipped}" failures="${failed}" errors="0" skipped="${skipped}"`;
  const cases = tests.map((test) => {
    const slash = test.name.lastIndexOf("/");
    const folder = slash < 0 ? "conformance" : test.name.slice(0, slash);
    const inside = [
      test.outcome === "failed" ? `<failure message="${xml(reasonOf(test))}"/>` : "",
      test.outcome === "skipped" ? `<skipped message="${xml(reasonOf(test))}"/>` : "",
      test.output ? `<system-out>${xml(test.output)}</system-out>` : "",
    ].join("");
    return `    <testcase name="${xml(test.name.slice(slash + 1))}" classname="${xml(folder)}">${inside}</testcase>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts}>\n  <testsuite name="yado conformance" ${counts}>\n${cases.join("")}  </testsuite>\n</testsuites>\n`;
}
