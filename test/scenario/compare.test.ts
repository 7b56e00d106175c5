import { expect, test } from "vitest";
import { compare, sound } from "../../src/scenario/compare.js";
import type { AttachModeName } from "../../src/vmm/types.js";
import { type FakeOptions, fakeRunner } from "./fake-runner.js";
import { compareOptions } from "./options.js";

const run = (fake: FakeOptions = {}, options = {}) =>
  compare({ ...compareOptions, ...options }, { run: fakeRunner(fake), version: "0" });

test("every mode is run once, with its own driver, on the same image", async () => {
  const seen: string[] = [];
  await compare(compareOptions, {
    version: "0",
    run: (config, watch) => {
      const [guest] = config.guests;
      seen.push(`${guest.mode} ${/driver=(\S+)/.exec(guest.bootargs)?.[1]}`);
      expect(config.disks?.[0].image).toBe(compareOptions.image);
      return fakeRunner()(config, watch);
    },
  });
  expect(seen).toEqual([
    "native nvme",
    "emulated nvme",
    "assigned nvme",
    "assigned-service nvme-service",
    "assigned-rewrite nvme",
    "paravirtual virtio",
  ]);
});

test("the host's own checksum is the one that counts", async () => {
  const { report } = await run();
  expect(report.expectedChecksum).toBe(report.disk?.crc32c);
  expect(report.modes.map((mode) => mode.status)).toEqual(Array(6).fill("ok"));
  expect(sound(report.modes)).toBe(true);
});

test("a safe mode with a wrong checksum makes the report unsound", async () => {
  const { report } = await run({ checksum: { assigned: "crc32c:00000000" } });
  expect(report.modes.find((mode) => mode.mode === "assigned")?.status).toBe("wrong-checksum");
  expect(sound(report.modes)).toBe(false);
});

test("assigned-raw may be wrong: that is what it shows", async () => {
  const modes: AttachModeName[] = ["native", "assigned-raw"];
  const { report } = await run({ checksum: { "assigned-raw": "crc32c:00000000" } }, { modes });
  expect(report.modes[1].status).toBe("wrong-checksum");
  expect(sound(report.modes)).toBe(true);
});

test("where the host can't know the checksum, native's is the reference", async () => {
  const workload = { ...compareOptions.workload, kind: "randread" as const };
  const { report } = await run(
    { checksum: { native: "crc32c:11111111", paravirtual: "crc32c:11111111" } },
    { workload },
  );
  expect(report.expectedChecksum).toBeNull();
  const right = report.modes.filter((mode) => mode.status === "ok").map((mode) => mode.mode);
  expect(right).toEqual(["native", "paravirtual"]);
});

test("ratios are against native, and absent without it", async () => {
  const { report } = await run();
  expect(report.modes[0].relative).toEqual({ throughput: 1, cycles: 1, busy: 1 });
  expect(report.modes[1].relative?.busy).toBeCloseTo(12.42, 2);
  expect((await run({}, { modes: ["emulated"] })).report.modes[0].relative).toBeNull();
});

test("cycles per I/O add up, and exits are split from their devices", async () => {
  const { report } = await run();
  const { perOperation: per, exits, exitsTotal, mmioExits } = report.modes[1];
  expect(per.guest + per.exit + per.vmm + per.idle).toBeCloseTo(per.cycles, 9);
  expect(exitsTotal).toBe(Object.values(exits).reduce((sum, n) => sum + n, 0));
  expect(Object.keys(mmioExits)).toEqual(["nvme", "plic"]);
});

test("what was written is handed back only when every mode left what it ought to", async () => {
  const workload = { ...compareOptions.workload, kind: "randwrite" as const };
  expect((await run({}, { workload })).written).toHaveLength(compareOptions.image.length);
  expect((await run({ errors: { emulated: 1 } }, { workload })).written).toBeUndefined();
  expect((await run()).written).toBeUndefined();
});

test("a sequential write is judged by what the host foretells", async () => {
  const workload = { ...compareOptions.workload, kind: "seqwrite" as const };
  const { report, written } = await run({}, { workload });
  expect(report.modes.map((mode) => mode.status)).toEqual(Array(6).fill("wrong-data"));
  expect({ sound: sound(report.modes), written }).toEqual({ sound: false, written: undefined });
});

test("errors of the guest's requests are told from wrong data", async () => {
  const { report } = await run({ errors: { emulated: 3 } });
  expect(report.modes[1]).toMatchObject({ status: "io-errors", errors: 3 });
});
