import { expect, test } from "vitest";
import { bootargs, covered, defaultWorkload, hashesInOrder, MODE_NAMES, MODES } from "../../src/scenario/workload.js";
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

test("reads and writes in order end with a whole request, a checksum at its last byte, and all at the disk's end", () => {
  const workload = { ...defaultWorkload, bs: 3072, total: 4096 };
  expect(covered(workload, 65536)).toBe(4096);
  expect(covered({ ...workload, kind: "seqread" }, 65536)).toBe(6144);
  expect(covered({ ...workload, kind: "seqwrite" }, 5120)).toBe(5120);
  expect(covered({ ...workload, total: 0 }, 65536)).toBe(65536);
});
