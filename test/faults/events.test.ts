// A guest killed or reset in the middle of its work: it goes, or begins anew, and the others are left alone.
import { expect, test } from "vitest";
import { checksum } from "../../src/metrics/checksum.js";
import { MODES, SAFE_MODES } from "../../src/scenario/workload.js";
import { elfOf } from "../vmm/elf-of.js";
import { guest, image, runAll } from "./setup.js";

const HOSTED_MODES = SAFE_MODES.filter((mode) => mode !== "native");
const MIDDLE = 3.2e6;
const lui = (rd: number, imm20: number) => ((imm20 << 12) | (rd << 7) | 0x37) >>> 0;
const addi = (rd: number, rs1: number, imm: number) => (((imm & 0xfff) << 20) | (rs1 << 15) | (rd << 7) | 0x13) >>> 0;
const ECALL = 0x73;

test.each(SAFE_MODES)("%s: a guest that is reset in the middle runs again to its end", async (mode) => {
  const result = runAll([guest(mode)], { events: [{ at: MIDDLE, guest: 0, action: "reset" }] });
  const [{ stop, console, checksum: found }] = result.guests;
  expect(result.events).toMatchObject([{ guest: 0, action: "reset" }]);
  expect(stop, console).toEqual({ kind: "shutdown", code: 0 });
  expect(found).toBe(await checksum("crc32c", image));
  expect(console.match(/probe: \d+ MiB at/g)).toHaveLength(2);
  expect(result.damage).toEqual([]);
  expect(result.faults).toEqual([]);
});

test.each(HOSTED_MODES)("%s: a guest that is killed leaves its neighbour alone", async (mode) => {
  const victim = guest(mode, {}, { name: "victim" });
  const other = guest("emulated", {}, { name: "other", disk: MODES[mode].shares ? 0 : 1 });
  const result = runAll([victim, other], { events: [{ at: 2 * MIDDLE, guest: 0, action: "kill" }] });
  expect(result.guests.map(({ stop }) => stop)).toEqual([{ kind: "killed" }, { kind: "shutdown", code: 0 }]);
  expect(result.damage).toEqual([]);
  expect(result.faults).toEqual([]);
});

test.each(HOSTED_MODES)("%s: a guest may be reset as often as one likes", (mode) => {
  const events = Array.from({ length: 12 }, (_, i) => ({ at: MIDDLE + i * 3e6, guest: 0, action: "reset" }) as const);
  const result = runAll([guest(mode)], { events });
  expect(result.guests[0].stop).toEqual({ kind: "shutdown", code: 0 });
  expect(result.events).toHaveLength(12);
});

test("the same interruption twice gives the same result to the last digit", () => {
  const events = [
    { at: MIDDLE, guest: 0, action: "reset" },
    { at: 4 * MIDDLE, disk: 0, action: "reset" },
  ] as const;
  const once = () =>
    runAll([guest("paravirtual"), guest("emulated", {}, { name: "other" })], { events, keepDisks: false });
  expect(once()).toEqual(once());
});

test("a guest that asks for its reset gets it (SBI, 'System Reset Extension'), until somebody ends it", () => {
  const SRST = [lui(17, 0x53525), addi(17, 17, 0x354), addi(16, 0, 0)];
  const cold = [...SRST, addi(10, 0, 1), addi(11, 0, 0), ECALL];
  const result = runAll([{ ...guest("emulated"), kernel: elfOf(...cold) }], {
    events: [{ at: 30e6, guest: 0, action: "kill" }],
  });
  const reboots = result.events!.filter(({ action }) => action === "reboot");
  expect(reboots.length).toBeGreaterThan(5);
  expect(result.guests[0].stop).toEqual({ kind: "killed" });
});
