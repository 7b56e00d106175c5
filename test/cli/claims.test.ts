// `yado claims` on the real machine.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ClaimsReport } from "../../src/claims/report.js";
import { scratch, yado } from "./command.js";

test("a claim is run, judged, printed and written as JSON and HTML", () => {
  const directory = scratch();
  const [json, html] = ["claims.json", "claims.html"].map((name) => join(directory, name));
  const { status, stdout } = yado(["claims", "--quick", "--only", "S5", "--quiet", "--json", json, "--html", html]);
  expect(status).toBe(0);
  expect(stdout).toContain("S5   holds  (disk: holds; LAN: holds)");
  const report = JSON.parse(readFileSync(json, "utf8")) as ClaimsReport;
  expect(report).toMatchObject({ schema: "yado.claims/1", quick: true, claims: [{ id: "S5", verdict: "holds" }] });
  expect(report.claims[0].parts[0].figures[0]).toMatchObject({ unit: "bytes", value: 2 * 1024 * 1024 });
  expect(readFileSync(html, "utf8")).toContain('<section id="S5">');
});

test.each([
  [["--only", "S99"], "--only"],
  [["--only", "S5,S5"], "--only"],
  [["--html", "/no/such/directory/x.html"], "--html"],
  [["--jobs", "0"], "--jobs"],
])("%j can't be used", (args, place) => {
  const { status, stderr } = yado(["claims", ...args]);
  expect(status).toBe(2);
  expect(stderr).toContain(place);
});
