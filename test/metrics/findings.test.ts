import { expect, test } from "vitest";
import { findings } from "../../src/metrics/findings.js";
import { compare } from "../../src/scenario/compare.js";
import { fakeRunner } from "../scenario/fake-runner.js";
import { compareOptions } from "../scenario/options.js";

const version = "0";
const found = async (fake = {}, options = {}) => {
  const { report } = await compare({ ...compareOptions, ...options }, { run: fakeRunner(fake), version });
  return findings(report).join("\n");
};

test("names the dearest mode, its ratio to native, its largest part and its commonest exit", async () => {
  const text = await found();
  expect(text).toMatch(/^emulated costs the hart most: 99,350 busy cycles per I\/O, 12\.4 times native's 8,000\./);
  expect(text).toContain("99 % of the difference is work of the VMM (7.00 exits per I/O, 4.00 of them mmio-write");
});

test("says what the IOTLB did, and who doesn't use it", async () => {
  expect(await found()).toContain(
    "Under assigned the IOTLB (64 entries) answered 94 % of 256 lookups; its 16 misses took 48 memory references of page walks",
  );
  expect(await found({}, { modes: ["native", "emulated"] })).toContain("The IOTLB had nothing to do");
});

test("says that the checksums agree with the host's", async () => {
  expect(await found()).toMatch(/All 6 checksums \(crc32c:[0-9a-f]{8}\) equal the one that the host computed/);
});

test("says who reported another checksum", async () => {
  expect(await found({ checksum: { assigned: "crc32c:00000000" } })).toContain(
    "assigned reported crc32c:00000000, but the host computed",
  );
});

test("doesn't call anything dear that costs what native costs", async () => {
  expect(await found({}, { modes: ["native", "assigned-raw"] })).toContain("native itself costs the hart most");
});

test("tells crashes and hangs apart", async () => {
  const crash = { kind: "crash", what: "load access fault", pc: 0x8020_0000, address: 0x10 } as const;
  const text = await found({ stop: { emulated: crash, assigned: { kind: "hang" } } });
  expect(text).toContain("emulated: the guest crashed: load access fault at pc 0x80200000, address 0x10.");
  expect(text).toContain("assigned: the guest hung");
});
