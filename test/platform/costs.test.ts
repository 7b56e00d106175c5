import { expect, test } from "vitest";
import { Cost } from "../../assembly/isa/cost.js";
import { TIME_DIVIDER } from "../../assembly/layout.js";
import { FAST_MEDIUM } from "../../src/backends/medium.js";
import { PCIE_TIMES } from "../../src/devices/nvme/parameters.js";
import { applyCosts, Costs } from "../../src/platform/costs.js";
import { mediumParameters, nvmeTimes } from "../../src/platform/device-times.js";
import { UserError } from "../../src/platform/user-error.js";

test("times come out in cycles of the core's frequency", () => {
  expect(new Costs().cycles("mmio-read-pcie")).toBe(1425);
  expect(new Costs({ "core-frequency": 1e9 }).cycles("mmio-read-pcie")).toBe(950);
  expect(new Costs().cycles("exit-entry")).toBe(70);
});

test("the VMM's profile decides the defaults of its work", () => {
  expect(new Costs({}, "kernel").value("mmio-exit")).toBe(1600);
  expect(new Costs({}, "userspace").value("mmio-exit")).toBe(7500);
  expect(new Costs({ "mmio-exit": 2000 }, "userspace").value("mmio-exit")).toBe(2000);
});

test("an unknown name is the user's mistake, and the nearest names are the remedy", () => {
  expect(() => new Costs({ "mmio-exist": 1 }, "kernel", "scenario.yaml: costs")).toThrow(UserError);
  expect(() => new Costs({ "mmio-exist": 1 }, "kernel", "scenario.yaml: costs")).toThrow(
    /^scenario.yaml: costs.mmio-exist: .* Did you mean mmio-exit, /,
  );
  expect(() => new Costs({ hypercall: -1 })).toThrow(UserError);
  expect(() => new Costs({ "medium-channels": 0 })).toThrow(UserError);
  expect(() => new Costs({ "medium-channels": 1.5 })).toThrow(UserError);
  expect(() => new Costs({ constructor: 1 })).toThrow(UserError);
  expect(() => new Costs({ "core-frequency": 1_234_567_890 })).toThrow("multiple of 10000000 Hz");
});

test.each([
  ["instruction-div", 2001, "Give a number from 1 to 2000"],
  ["instruction-alu", 0, "Give a number from 1 to 2000"],
  ["branch-taken", 1001, "Give a number from 0 to 1000"],
  ["trap-entry", 0, "Give at least 1"],
])("a cost that the hart's clock can't count is refused: %s = %d", (name, value, remedy) => {
  expect(() => new Costs({ [name]: value }, "kernel", "costs")).toThrow(expect.objectContaining({ remedy }));
});

test("the core gets its own costs and cycles per tick", () => {
  const u32 = new Uint32Array(0x1000);
  const set = new Map<Cost, number>();
  applyCosts({ u32, setCost: (cost, cycles) => set.set(cost, cycles) }, new Costs());
  expect(set.get(Cost.Memory)).toBe(150);
  expect(set.get(Cost.Amo)).toBe(8);
  expect(u32[TIME_DIVIDER >>> 2]).toBe(150);
});

test("the devices' own defaults are those of the table, and a scenario's overrides reach them", () => {
  expect(nvmeTimes(new Costs())).toEqual(PCIE_TIMES);
  expect(mediumParameters(new Costs())).toEqual(FAST_MEDIUM);
  expect(mediumParameters(new Costs({ "medium-read": 77_400 })).readAccess).toBe(77_400);
});
