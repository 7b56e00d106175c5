// Counts the tests of reports of vitest's JSON reporter. Its last line is "N passed, N failed, N skipped"; the exit
// status is 1 when one failed, when a file did not load, or when none ran.
import { existsSync, readFileSync } from "node:fs";

const reports = process.argv.slice(2).filter((report) => existsSync(report));
const count = { passed: 0, failed: 0, skipped: 0 };
for (const file of reports.flatMap((report) => JSON.parse(readFileSync(report, "utf8")).testResults)) {
  const of = (status) => file.assertionResults.filter((result) => result.status === status).length;
  const failed = of("failed");
  count.passed += of("passed");
  count.skipped += file.assertionResults.length - of("passed") - failed;
  // a file that failed without a failed test: it did not load, or a hook threw
  count.failed += file.status === "failed" ? Math.max(failed, 1) : failed;
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0;
