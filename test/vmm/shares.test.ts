// Devices shared by weights and limits, in whole runs: what each guest was given while all of them wanted something.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { run } from "../../src/scenario/run.js";
import type { GuestConfig, RunConfig, RunResult, ShareConfig } from "../../src/scenario/types.js";
import { bootargs, defaultWorkload, type Workload } from "../../src/scenario/workload.js";
import type { AttachModeName } from "../../src/vmm/types.js";

const MIB = 0x10_0000;
const kernel = new Uint8Array(readFileSync(new URL("../../guests/probe/probe.elf", import.meta.url)));
const reads: Workload = { ...defaultWorkload, kind: "seqread", bs: 16_384, qd: 32, total: 0, hash: "none" };
const sends: Workload = { ...defaultWorkload, kind: "netstream", bs: 1472, qd: 32, total: 800 * 1472, hash: "none" };
const SLOW_DISK = { core: "flat", costs: { "medium-bandwidth": 0.2 } } as const;
const SLOW_WIRE = { core: "flat", nics: [{}], network: { bandwidth: 100e6 } } as const;

type Disk = ShareConfig["disk"];
type Nic = ShareConfig["nic"];

function reader(mode: AttachModeName, disk: Disk, over: Partial<Workload> = {}): GuestConfig {
  return { kernel, mode, ...(disk ? { share: { disk } } : {}), bootargs: bootargs({ ...reads, ...over }, mode) };
}

function sender(mode: AttachModeName, nic: Nic, host: number): GuestConfig {
  return {
    kernel,
    mode,
    nic: 0,
    ...(nic ? { share: { nic } } : {}),
    bootargs: bootargs(sends, mode, [`host=${host}`]),
  };
}

const onDisk = (guests: readonly GuestConfig[], more: Partial<RunConfig> = {}) =>
  run({ ...SLOW_DISK, guests, disks: [{ size: guests.length * 6 * MIB }], ...more });

/** How far proportions may be off: towards its end a guest has nothing more to ask for while it awaits what it asked for. */
const NEAR = 0.1;

/** Bytes in common of each guest, over those of the first. */
function proportions({ shares: [{ guests }] }: RunResult): number[] {
  return guests.map(({ commonBytes }) => commonBytes / guests[0].commonBytes);
}

function ended(result: RunResult): void {
  for (const guest of result.guests) expect(guest.result).toMatchObject({ errors: "0" });
}

test("a slow disk is shared 1 : 2 : 4, whatever the guests' modes", () => {
  const result = onDisk([
    reader("paravirtual", { weight: 1 }),
    reader("emulated", { weight: 2 }),
    reader("emulated", { weight: 4 }),
  ]);
  ended(result);
  const [, two, four] = proportions(result);
  expect(Math.abs(two / 2 - 1)).toBeLessThan(NEAR);
  expect(Math.abs(four / 4 - 1)).toBeLessThan(NEAR);
});

test("without weights all get the same, commands counted in, though one asks for four times as much at a time", () => {
  const result = onDisk([
    reader("paravirtual", undefined, { bs: 65_536 }),
    reader("paravirtual", undefined, { bs: 16_384 }),
  ]);
  ended(result);
  // a command costs 4 KiB beside its bytes: 16 of 20 KiB against 64 of 68
  expect(proportions(result)[1] / (16 / 20 / (64 / 68))).toBeGreaterThan(1 - NEAR);
});

test("a guest with one request at a time isn't starved by one with 32: it waits for what is at the disk, no more", () => {
  const patient = reader("paravirtual", undefined, { qd: 1, bs: 4096, total: MIB });
  const result = onDisk([reader("paravirtual", undefined), patient]);
  ended(result);
  const [{ guests }] = result.shares;
  // of 17 commands of 16 KiB at 200 MB/s
  const most = ((17 * 16_384) / 200e6) * result.frequency;
  expect(guests[1].waited / guests[1].pieces).toBeLessThan(most);
  expect(guests[0].waited / guests[0].pieces).toBeGreaterThan(guests[1].waited / guests[1].pieces);
});

test("a limit holds over the run, and the other guest has the rest", () => {
  const result = onDisk([reader("emulated", { rate: 20e6 }), reader("paravirtual", {})]);
  ended(result);
  const [{ guests, begin, end }] = result.shares;
  const seconds = (end - begin) / result.frequency;
  expect(guests[0].commonBytes).toBeLessThanOrEqual(20e6 * (seconds + 0.01) + 65_536);
  expect(guests[0].commonBytes).toBeGreaterThan(20e6 * seconds * 0.95);
  expect(guests[1].commonBytes / seconds).toBeGreaterThan(160e6);
});

test("a limit of commands a second holds for a guest that is alone", () => {
  const result = onDisk([reader("paravirtual", { iops: 2000 })]);
  ended(result);
  const [guest] = result.guests;
  expect(guest.operations / (guest.counters.cycles / result.frequency)).toBeLessThan(2150);
  expect(result.shares).toHaveLength(1);
});

test("a wire of 100 Mb/s is shared 1 : 3 by a paravirtual and an emulated guest", () => {
  const guests = [sender("paravirtual", { weight: 1 }, 15), sender("emulated", { weight: 3 }, 16)];
  const result = run({ ...SLOW_WIRE, guests });
  ended(result);
  expect(Math.abs(proportions(result)[1] / 3 - 1)).toBeLessThan(NEAR);
  expect(result.peer).toMatchObject({ discardedDatagrams: 1600 });
});

test("a limit of 20 Mb/s leaves the rest of the wire to the other guest", () => {
  const guests = [sender("paravirtual", { rate: 20e6 }, 15), sender("emulated", {}, 16)];
  const result = run({ ...SLOW_WIRE, guests });
  ended(result);
  const [{ guests: shares, begin, end }] = result.shares;
  const megabits = shares.map(({ commonBytes }) => (commonBytes * 8) / ((end - begin) / result.frequency) / 1e6);
  expect(megabits[0]).toBeGreaterThan(19);
  expect(megabits[0]).toBeLessThan(23);
  expect(megabits[1]).toBeGreaterThan(75);
});

test.each(["native", "emulated", "assigned", "assigned-service", "assigned-rewrite", "paravirtual"] as const)(
  "%s: a wire of 100 Mb/s carries 100 Mb/s",
  (mode) => {
    const result = run({ ...SLOW_WIRE, guests: [sender(mode, undefined, 15)] });
    ended(result);
    // the guest is done when its last frames are in rings and buffers: up to 64 KiB ahead of the wire
    const megabits = (800 * (1472 + 66) * 8) / (result.guests[0].counters.cycles / result.frequency) / 1e6;
    expect(megabits).toBeGreaterThan(95);
    expect(megabits).toBeLessThan(107);
  },
);

test("the same run gives the same shares to the last digit", () => {
  const guests = [reader("emulated", { weight: 1, rate: 30e6 }), reader("paravirtual", { weight: 2 })];
  expect(onDisk(guests).shares).toEqual(onDisk(guests).shares);
});

test("guests without shares on disks of their own are told nothing of shares", () => {
  const disks = [{ size: MIB }, { size: MIB }];
  const guests = [reader("emulated", undefined), { ...reader("paravirtual", undefined), disk: 1 }];
  expect(run({ ...SLOW_DISK, guests, disks }).shares).toEqual([]);
});
