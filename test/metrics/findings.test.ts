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

test("counts the IOTLB's work of a guest that ended early, and concludes nothing from one that never got there", async () => {
  const hung = { idle: ["assigned"], stop: { assigned: { kind: "hang" } } };
  expect(await found(hung)).toContain("Under assigned the IOTLB (64 entries) answered 94 % of 256 lookups");
  expect(await found({ idle: ["native"] }, { modes: ["native", "emulated"] })).not.toContain("IOTLB");
});

test("blames only the modes whose disk differs", async () => {
  const workload = { ...compareOptions.workload, kind: "randwrite", hash: "none" } as const;
  const modes = ["native", "emulated", "assigned-raw"];
  const text = await found({ disk: { "assigned-raw": new Uint8Array(512) } }, { workload, modes });
  expect(text).toMatch(
    /Not every disk is as it ought to be: assigned-raw left (crc32c:\w+), but native and emulated left (?!\1)crc32c:\w+\./,
  );
});

test("gives the extent of memory that was hit beside the bytes written", async () => {
  const there = { start: 0x8040_0000, what: "code and data", intended: false };
  const landed = {
    "assigned-raw": [
      { ...there, owner: "vmm", bytes: 0x400_0000, pages: 512 },
      { ...there, start: 0x9000_0000, owner: "assigned-raw", bytes: 4096, pages: 1 },
    ],
  };
  expect(await found({ landed }, { modes: ["native", "assigned-raw"] })).toContain(
    "64 MiB onto 512 pages (2 MiB) of the memory of vmm (code and data), the first at 0x80400000 " +
      "and 4 KiB onto 1 page (4 KiB) of its own memory, but another place of it, the first at 0x90000000",
  );
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
  const quiet = { kind: "hang", limit: "quiet-cycles", cycles: 3e9 } as const;
  const long = { kind: "hang", limit: "max-cycles", cycles: 6e10 } as const;
  const text = await found({
    stop: { native: quiet, emulated: crash, paravirtual: long, assigned: { kind: "hang" } },
  });
  expect(text).toContain("emulated: the guest crashed: load access fault at pc 0x80200000, address 0x10.");
  expect(text).toContain("native: the guest hung: no progress for 3,000,000,000 cycles (quiet-cycles).");
  expect(text).toContain("paravirtual: the guest hung: not at its end after 60,000,000,000 cycles (max-cycles).");
  expect(text).toContain("assigned: the guest hung: it waits for what can never happen.");
});
