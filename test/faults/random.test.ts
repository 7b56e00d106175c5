// Whatever happens at whatever cycle: neighbours see nothing of it but time, nobody's bytes change but those of whom they are,
// and what was acknowledged is in the image.
import fc from "fast-check";
import { expect, test } from "vitest";
import { checksum } from "../../src/metrics/checksum.js";
import type { DiskName } from "../../src/vmm/types.js";
import type { RunEvent } from "../../src/scenario/types.js";
import { MODES, SAFE_MODES } from "../../src/scenario/workload.js";
import { acknowledged, guest, image, KIB, MIB, runAll, written } from "./setup.js";

const HALF = 512 * KIB;
const BLOCK = 16 * KIB;
const HOSTED_MODES = SAFE_MODES.filter((mode) => mode !== "native");
const RUNS = { seed: 20_261_123, numRuns: 6 };

const mode = fc.constantFrom(...HOSTED_MODES);
const sort = fc.constantFrom<DiskName>("nvme", "ata");
const cycle = (most: number) => fc.integer({ min: 100_000, max: most });
/** What happens to the first guest and to its disk. */
const incident = (most: number) =>
  fc.oneof(
    fc.record({ at: cycle(most), guest: fc.constant(0), action: fc.constantFrom("kill" as const, "reset" as const) }),
    fc.record({ at: cycle(most), disk: fc.constant(0), action: fc.constant("reset" as const) }),
  );
const incidents = (most: number) => fc.array(incident(most), { minLength: 1, maxLength: 3 });

const journal = { kind: "journal", hash: "none", bs: BLOCK } as const;
const reading = { kind: "checksum", bs: BLOCK } as const;
const half = { start: 0, length: HALF };
const otherHalf = { start: HALF, length: HALF };

test("a disk: who is interrupted, and a neighbour", async () => {
  const expected = await checksum("crc32c", image.subarray(HALF));
  const own = await checksum("crc32c", image.subarray(0, HALF));
  fc.assert(
    fc.property(mode, mode, fc.boolean(), sort, incidents(14e6), (mine, others, writes, name, events: RunEvent[]) => {
      const together = MODES[mine].shares && MODES[others].shares;
      const total = HALF;
      const result = runAll(
        [
          guest(
            mine,
            { ...(writes ? journal : reading), total },
            { name: "first", disk: 0, ...(together ? { range: half } : {}) },
            [],
            name,
          ),
          guest(
            others,
            { kind: "checksum", total },
            together ? { name: "second", disk: 0, range: otherHalf } : { name: "second", disk: 1 },
            together ? [] : [`start=${HALF}`],
            together ? name : "nvme",
          ),
        ],
        {
          events,
          disks: [
            { size: MIB, image, interface: name },
            { size: MIB, image },
          ],
        },
      );
      const [first, second] = result.guests;
      const [disk, other] = result.disks!;
      expect(second.stop, second.console).toEqual({ kind: "shutdown", code: 0 });
      expect(second.checksum).toBe(expected);
      expect(result.damage).toEqual([]);
      expect(Buffer.compare(disk.subarray(HALF), image.subarray(HALF))).toBe(0);
      expect(Buffer.compare(other, image)).toBe(0);
      expect(written(disk, 0, HALF)).toBeGreaterThanOrEqual(acknowledged(first) * BLOCK);
      const killed = result.events?.some(({ action }) => action === "kill") ?? false;
      expect(first.stop, first.console).toEqual(killed ? { kind: "killed" } : { kind: "shutdown", code: 0 });
      if (killed) return;
      expect(written(disk, 0, HALF)).toBe(writes ? HALF : 0);
      expect(first.checksum).toBe(writes ? "none" : own);
    }),
    RUNS,
  );
});

test("a disk natively: what was acknowledged is in the image", () => {
  fc.assert(
    fc.property(sort, incidents(7e6), (name, events: RunEvent[]) => {
      const one = guest("native", { ...journal, total: HALF }, {}, [], name);
      const result = runAll([one], { events, disks: [{ size: MIB, image, interface: name }] });
      const [first] = result.guests;
      const [disk] = result.disks!;
      const killed = result.events?.some(({ action }) => action === "kill") ?? false;
      expect(first.stop, first.console).toEqual(killed ? { kind: "killed" } : { kind: "shutdown", code: 0 });
      expect(written(disk, 0, HALF)).toBeGreaterThanOrEqual(killed ? acknowledged(first) * BLOCK : HALF);
      expect(Buffer.compare(disk.subarray(HALF), image.subarray(HALF))).toBe(0);
    }),
    RUNS,
  );
});

/** A cable that is pulled is plugged in again. */
const outage = (most: number) =>
  fc.tuple(cycle(most), fc.integer({ min: 1, max: 30_000_000 })).map(([at, length]) => [
    { at, nic: 0, action: "link-down" as const },
    { at: at + length, nic: 0, action: "link-up" as const },
  ]);
const onNetwork = (most: number) =>
  fc.oneof(
    fc
      .record({ at: cycle(most), guest: fc.constant(0), action: fc.constantFrom("kill" as const, "reset" as const) })
      .map((event) => [event]),
    fc.record({ at: cycle(most), nic: fc.constant(0), action: fc.constant("reset" as const) }).map((event) => [event]),
    outage(most),
  );

const receive = { kind: "netrecv", bs: 1024, qd: 16, total: 256 * KIB, retry: true } as const;

test("a network: who is interrupted, and a neighbour", () => {
  const alone = runAll([guest("emulated", receive, { nic: 0 }, ["host=15"])], { nics: [{}], disks: [] });
  const expected = alone.guests[0].checksum;
  fc.assert(
    fc.property(mode, mode, fc.array(onNetwork(10e6), { minLength: 1, maxLength: 2 }), (mine, others, happenings) => {
      const together = MODES[mine].shares && MODES[others].shares;
      const first = guest(mine, receive, { name: "first", nic: 0 }, ["host=15"]);
      const second = guest(others, receive, { name: "second", nic: together ? 0 : 1 }, ["host=16"]);
      const events: RunEvent[] = happenings.flat();
      const result = runAll([first, second], { nics: [{}, {}], disks: [], events });
      const killed = result.events?.some(({ action }) => action === "kill") ?? false;
      const [interrupted, neighbour] = result.guests;
      expect(neighbour.stop, neighbour.console).toEqual({ kind: "shutdown", code: 0 });
      expect(neighbour.checksum).toBe(expected);
      expect(result.damage).toEqual([]);
      const end = killed ? { kind: "killed" } : { kind: "shutdown", code: 0 };
      expect(interrupted.stop, interrupted.console).toEqual(end);
      expect(killed || interrupted.checksum === expected).toBe(true);
    }),
    RUNS,
  );
});
