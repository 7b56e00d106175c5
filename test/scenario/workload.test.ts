import { expect, test } from "vitest";
import { bootargs, defaultWorkload, hashesInOrder, MODE_NAMES, MODES } from "../../src/scenario/workload.js";
import { attachModes } from "../../src/vmm/attach/index.js";

test("reports and VMM agree on which modes there are, and which of them share a disk", () => {
  expect(Object.keys(attachModes)).toEqual(MODE_NAMES);
  expect(MODE_NAMES.filter((mode) => MODES[mode].shares)).toEqual(
    MODE_NAMES.filter((mode) => !attachModes[mode].exclusive),
  );
});

test("the probe's command line names workload, driver and every option", () => {
  expect(bootargs(defaultWorkload, "assigned-service")).toBe(
    "workload=checksum driver=nvme-service bs=32768 qd=8 batch=1 total=0 seed=1 hash=crc32c",
  );
});

test("only reads in order with a hash can be foretold", () => {
  expect(hashesInOrder(defaultWorkload)).toBe(true);
  expect(hashesInOrder({ ...defaultWorkload, hash: "none" })).toBe(false);
  expect(hashesInOrder({ ...defaultWorkload, kind: "randread" })).toBe(false);
});
