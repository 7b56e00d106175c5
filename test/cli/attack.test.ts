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

const lan = yado([
  "attack",
  "--device",
  "nic",
  "--json",
  "-",
  "--quiet",
  "--modes",
  "emulated,assigned,assigned-service,assigned-rewrite,paravirtual,assigned-raw",
]);
const lanCases = (JSON.parse(lan.stdout) as AttackReport).cases;
const ofLan = (mode: string, target: string) => lanCases.find((one) => one.mode === mode && one.target === target)!;

test("a network interface's forged rings and buffers: the modes that check addresses keep them out, and its driver goes on", () => {
  expect(lan.status).toBe(0);
  const checking = lanCases.filter((one) => one.protects);
  expect(checking).toHaveLength(12);
  expect(checking.filter((one) => one.verdict !== "stopped" || !one.deviceAlive)).toEqual([]);
  const forged = checking.map(({ operations }) => operations.filter(({ op }) => op !== "check").map(({ op }) => op));
  expect(forged).toEqual(checking.map(() => ["receive", "receive-ring", "send", "send-ring"]));
});

test("under assigned the IOMMU refuses the buffers and the rings, writes and reads", () => {
  const { faults } = ofLan("assigned", "vmm");
  expect([...new Set(faults.map(({ cause }) => cause))].sort()).toEqual([21, 23]);
  expect(new Set(faults.map(({ iova }) => Math.floor(iova / 4096))).size).toBe(1);
});

test("assigned-service writes the peer's frames over the named memory, and sends that memory to the peer", () => {
  expect(ofLan("assigned-service", "vmm")).toMatchObject({ verdict: "damaged", damage: [{ owner: "vmm" }] });
  expect(ofLan("assigned-service", "guest")).toMatchObject({ verdict: "damaged", damage: [{ owner: "neighbour" }] });
  expect(ofLan("assigned-service", "vmm").leaked).toMatch(/^[0-9a-f]{32}$/);
  expect(ofLan("assigned-service", "nowhere")).toMatchObject({ verdict: "stopped", leaked: null });
});
