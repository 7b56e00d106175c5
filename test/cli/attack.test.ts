// `yado attack` on the real machine: who stops a forged address, and whom it hits where nobody does.
import { expect, test } from "vitest";
import type { AttackReport } from "../../src/scenario/attack.js";
import { yado } from "./command.js";

const { status, stdout } = yado([
  "attack",
  "--json",
  "-",
  "--quiet",
  "--modes",
  "emulated,assigned,assigned-service,assigned-rewrite,paravirtual,assigned-raw",
]);
const { cases } = JSON.parse(stdout) as AttackReport;
const of = (mode: string, target: string) => cases.find((one) => one.mode === mode && one.target === target);

test("the modes that check addresses keep every attack out", () => {
  expect(status).toBe(0);
  const checking = cases.filter((one) => one.protects);
  expect(checking).toHaveLength(12);
  expect(checking.filter((one) => one.verdict !== "stopped" || one.damage.length > 0 || one.leaked !== null)).toEqual(
    [],
  );
});

test("under assigned the IOMMU reports the address in its fault queue, as guest-page faults of the disk", () => {
  const causes = (target: string) => of("assigned", target)?.faults.map(({ cause, deviceId }) => [cause, deviceId]);
  expect(causes("vmm")).toEqual([
    [23, 8],
    [21, 8],
  ]);
  expect(causes("guest")).toEqual(causes("vmm"));
});

test("assigned-service trusts its driver: the named memory changes, and gets out", () => {
  expect(of("assigned-service", "vmm")).toMatchObject({ verdict: "damaged", damage: [{ owner: "vmm" }] });
  expect(of("assigned-service", "guest")).toMatchObject({ verdict: "damaged", damage: [{ owner: "neighbour" }] });
  expect(of("assigned-service", "guest")?.leaked).toMatch(/^[0-9a-f]+$/);
  expect(of("assigned-service", "nowhere")).toMatchObject({ verdict: "stopped" });
});

test("under assigned-raw others are hit whatever the target", () => {
  expect(of("assigned-raw", "nowhere")).toMatchObject({ verdict: "damaged" });
});
