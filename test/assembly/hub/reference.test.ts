// The hub against the specification's steps (test/support/iommu-reference.ts): tables of noise and half sense, requests of every
// kind, with what was cached before and without. The same addresses, the same faults and records, the same A and D bits.
import fc from "fast-check";
import { expect, test } from "vitest";
import { IommuReg, Tc } from "../../../assembly/isa/iommu.js";
import { RAM, RAM_START, STAGING } from "../../../assembly/layout.js";
import { Random } from "../../../src/backends/network/random.js";
import { HubMachine, iodirInvalDdt, iotinvalGvma, iotinvalVma, PAGE } from "../../support/iommu.js";
import { type Kind, type Outcome, ReferenceIommu, type Request } from "../../support/iommu-reference.js";

const RAM_BYTES = 0x3_0000;
const PAGES = RAM_BYTES / PAGE;
/** Pages of noise that serve as tables and as data; those below hold directories and queues. */
const FIRST = 16;
const MESSAGES = FIRST + 8;
const BASE = BigInt(RAM_START / PAGE);
const DEVICES = [0, 1, 5, 63, 0x45, 0x1_2345, 0xff_ffff];
const PROCESSES = [0, 1, 255, 256, 0x1_0001, 0xf_ffff];
const FLAGS = [0xdfn, 0xdfn, 0xdfn, 0xcfn, 0x1fn, 0x5fn, 0xd3n, 0xdbn, 0xd9n, 0xd5n];

/**
 * An entry of a page table of either stage: mostly a pointer or a leaf, of a superpage where it can be. Entries of a NAPOT range here
 * contradict their neighbours, so that a cached one may answer for all: `napot` only where nothing is cached.
 */
function entry(random: Random, napot: boolean): bigint {
  const page = BASE + BigInt(FIRST + (random.next() % (PAGES - FIRST)));
  const flags = FLAGS[random.next() % FLAGS.length];
  const kind = random.next() % 100;
  if (kind < 30) return (page << 10n) | 1n;
  if (kind < 60) return (BASE << 10n) | 0xdfn;
  if (kind < 75) return (BASE << 10n) | flags;
  if (kind < 85) return (page << 10n) | flags;
  if (kind < 88) return (napot ? 1n << 63n : 0n) | (((page & ~15n) | 8n) << 10n) | flags;
  if (kind < 90) return (BigInt(random.next() % (napot ? 8 : 4)) << 61n) | (BASE << 10n) | flags;
  if (kind < 92) return (1n << BigInt(54 + (random.next() % 7))) | (BASE << 10n) | flags;
  if (kind < 95) return (page << 10n) | BigInt(random.next() & 0x3ff);
  if (kind < 97) return 0n;
  return (BigInt(random.next() & (napot ? 0xffff_ffff : 0x7fff_ffff)) << 32n) | BigInt(random.next());
}

/** A root and its mode; the same for the same number, so that an address space has one table. */
function root(which: number): { atp: bigint; id: bigint } {
  const [mode, page] = [[0, 8, 8, 9, 10][which % 5], FIRST + 4 * (which % 8)];
  return { atp: (BigInt(mode) << 60n) | (BASE + BigInt(page)), id: BigInt(which % 40) };
}

/** One of the bits from … to is another now and then: never those that say which table an address space has. */
const odd = (random: Random, word: bigint, [from, to]: readonly [number, number] = [0, 63]) =>
  random.next() % 40 ? word : word ^ (1n << BigInt(from + (random.next() % (to - from + 1))));
/** Alignment of iohgatp.PPN; reserved bits of iosatp and pdtp, of a device context's ta, of a process context's. */
const ALIGNMENT = [0, 1] as const;
const FSC_RESERVED = [44, 59] as const;
const TA_RESERVED = [32, 63] as const;
const TA_LOW = [0, 11] as const;
/** By doubleword of a device context. */
const FIELDS = [undefined, ALIGNMENT, TA_RESERVED, FSC_RESERVED];

function deviceContext(random: Random, processes: bigint, extended: boolean): bigint[] {
  const [first, second] = [root(random.next() % 40), root(random.next() % 40)];
  const pdtv = random.next() % 2 === 1;
  const flags = [Tc.GADE, Tc.SADE, random.next() % 4 ? 0 : Tc.DTF, pdtv ? Tc.DPE : 0];
  const tc = flags.reduce((sum, flag) => (random.next() % 2 ? sum | flag : sum), Tc.V | (pdtv ? Tc.PDTV : 0));
  const gscid = second.id << 44n;
  const words = [BigInt(tc), second.atp | gscid, first.id << 12n, pdtv ? processes : first.atp];
  if (extended) {
    const flat = second.atp >> 60n && random.next() % 4 ? 1n << 60n : 0n;
    const mask = [0n, 1n, 7n, 0x105n][random.next() % 4];
    words.push(
      flat | (BASE + BigInt(MESSAGES)),
      mask,
      [2n ** 18n, 2n ** 18n, BASE, BASE + 3n][random.next() % 4] & ~mask,
      0n,
    );
  }
  return words.map((word, i) => odd(random, word, FIELDS[i]));
}

interface Made {
  m: HubMachine;
  reference: ReferenceIommu;
  random: Random;
}

/** A machine whose tables come of a seed. */
function made(seed: number, levels: 1 | 2 | 3, extended: boolean, napot: boolean): Made {
  const random = new Random(seed);
  const m = new HubMachine(RAM_BYTES);
  if (extended) m.withImsics(1, 1);
  m.exports.hubConfigure([4, 64][random.next() % 2], 2, random.next() % 4, seed);
  m.start(levels, 4);
  // a process directory of three levels whose lower ones are roots of smaller directories, and process contexts
  const [top, middle, leaf] = [m.allocate(), m.allocate(), m.allocate()];
  for (let i = 0; i < 8; i++) m.write64(top + 8 * i, odd(random, BigInt(middle / PAGE) * 1024n + 1n));
  for (let i = 0; i < 512; i++) m.write64(middle + 8 * i, odd(random, BigInt(leaf / PAGE) * 1024n + 1n));
  for (let i = 0; i < 256; i++) {
    const { atp, id } = root(random.next() % 40);
    m.write64(leaf + 16 * i, odd(random, BigInt((random.next() % 8) | 1) | (id << 12n), TA_LOW));
    m.write64(leaf + 16 * i + 8, odd(random, atp, FSC_RESERVED));
  }
  for (const device of DEVICES.filter((id) => id < [0, 64, 2 ** 15, 2 ** 24][levels])) {
    const mode = 1 + (random.next() % 3);
    const processes = (BigInt(mode) << 60n) | BigInt([0, leaf, middle, top][mode] / PAGE);
    const words = deviceContext(random, random.next() % 8 ? processes : 0n, extended);
    const at = m.contextOf(device);
    for (const [i, word] of words.entries()) m.write64(at + 8 * i, word);
  }
  for (let at = RAM_START + FIRST * PAGE; at < RAM_START + RAM_BYTES; at += 8) m.write64(at, entry(random, napot));
  for (let i = 0; i < 256; i++) {
    const page = BASE + BigInt(random.next() % PAGES);
    if (random.next() % 8) m.write64(RAM_START + MESSAGES * PAGE + 16 * i, random.next() % 2 ? (page << 10n) | 7n : 0n);
  }
  const copy = m.u8.slice(RAM, RAM + RAM_BYTES);
  const reference = new ReferenceIommu(new DataView(copy.buffer), BigInt(RAM_START), m.reg64(IommuReg.ddtp), extended);
  return { m, reference, random };
}

function someAddress(random: Random): bigint {
  const offset = BigInt(random.next() % PAGE) & ~3n;
  const kind = random.next() % 10;
  if (kind < 4) return BigInt(RAM_START + (random.next() % RAM_BYTES)) & ~3n;
  if (kind < 6) return ((2n ** 18n) << 12n) | offset;
  const vpn = (n: number) => BigInt(random.next() % n);
  const address = (vpn(3) << 39n) | (vpn(8) << 30n) | (vpn(3) << 21n) | (vpn(20) << 12n) | offset;
  if (kind < 9) return address;
  return random.next() % 2 ? BigInt.asUintN(64, -address) : (BigInt(random.next()) << 32n) | offset;
}

function someRequest(random: Random): Request {
  const device = DEVICES[random.next() % DEVICES.length];
  const kind = (["read", "write", "execute"] as const)[random.next() % 3];
  const process =
    random.next() % 2 ? {} : { pid: PROCESSES[random.next() % PROCESSES.length], priv: random.next() % 2 === 1 };
  return { device, kind, iova: someAddress(random), ...process };
}

const record = (request: Request, outcome: Outcome) => {
  if (!("fault" in outcome)) return [];
  const { cause, iotval2, dtf } = outcome.fault;
  if (dtf && (cause < 256 || cause > 259)) return [];
  const { device, pid, priv, iova, kind } = request;
  const type = { execute: 1, read: 2, write: 3 }[kind];
  const who = { pv: pid === undefined ? 0 : 1, pid: pid ?? 0, priv: pid !== undefined && priv ? 1 : 0 };
  return [{ cause, device, type, ...who, iotval: iova, iotval2 }];
};

const forget = (m: HubMachine) => m.command(iodirInvalDdt(), iotinvalVma(), iotinvalGvma());

/** By the debug interface: the page that the response names, against the address. */
function ask({ m, reference }: Made, request: Request): string {
  const { device, pid, priv, kind } = request;
  const iova = request.iova & ~0xfffn;
  const expected = reference.translate({ ...request, iova });
  m.setReg64(IommuReg.tr_req_iova, iova);
  const process = pid === undefined ? 0n : (BigInt(pid) << 12n) | (1n << 32n);
  const how = (priv ? 2n : 0n) | (kind === "execute" ? 4n : 0n) | (kind === "write" ? 0n : 8n);
  m.setReg64(IommuReg.tr_req_ctl, (BigInt(device) << 40n) | process | how | 1n);
  const response = m.reg64(IommuReg.tr_response);
  expect(m.faults()).toEqual(record({ ...request, iova }, expected));
  if ("fault" in expected) {
    expect(response & 1n).toBe(1n);
    return String(expected.fault.cause);
  }
  const page = (response >> 10n) & 0xfff_ffff_ffffn;
  const size = response & 0x200n ? (page ^ (page + 1n)) + 1n : 1n;
  expect(response & 1n).toBe(0n);
  expect((expected.spa >> 12n) & 0xfff_ffff_ffffn & ~(size - 1n)).toBe(page & ~(size - 1n));
  return "translated";
}

/** By DMA: what moved where, against the address of each byte's page. */
function transfer({ m, reference }: Made, { device, kind, iova }: Request, length: number): string {
  const way: Kind = kind === "write" ? "write" : "read";
  const { ram, start } = reference;
  const bytes = new Uint8Array(ram.buffer);
  const takeQueues = () => {
    for (const queue of [m.commandQueue, m.faultQueue]) bytes.set(m.bytes(queue, PAGE), queue - RAM_START);
  };
  takeQueues();
  const staged = m.u8.slice(STAGING, STAGING + length);
  // a device that reads page tables or the fault queue sees what was there before or after
  const places: [from: number, at: number, length: number][] = [];
  let moved = 0;
  let cause = 0;
  let records: unknown[] = [];
  while (moved < length && cause === 0) {
    const at = BigInt.asUintN(64, iova + BigInt(moved));
    const piece = Math.min(length - moved, PAGE - Number(at & 0xfffn));
    const outcome = reference.translate({ device, kind: way, iova: at });
    if ("fault" in outcome) {
      cause = outcome.fault.cause;
      records = record({ device, kind: way, iova: at }, outcome);
    } else {
      const from = Number(outcome.spa - start);
      const room = from >= 0 ? Math.min(piece, Math.max(0, bytes.length - from)) : 0;
      if (way === "write")
        bytes.set(staged.subarray(moved, moved + room), from >= 0 ? Math.min(from, bytes.length) : 0);
      else {
        staged.set(bytes.subarray(from, from + room), moved);
        places.push([from, moved, room]);
      }
      moved += room;
      if (room < piece) cause = way === "write" ? 7 : 5;
    }
  }
  const outcome = way === "write" ? m.dmaWrite(device, iova, length) : m.dmaRead(device, iova, length);
  expect({ cause: outcome.cause, bytes: outcome.bytes }).toEqual({ cause, bytes: moved });
  expect(m.faults()).toEqual(records);
  const later = staged.slice();
  takeQueues();
  for (const [from, at, room] of places) later.set(bytes.subarray(from, from + room), at);
  const arrived = m.u8.subarray(STAGING, STAGING + length);
  expect(arrived.every((byte, i) => byte === staged[i] || byte === later[i])).toBe(true);
  return cause === 0 ? "moved" : String(cause);
}

/** Memory but for the queues, which the reference doesn't have. */
function sameMemory({ m, reference }: Made): void {
  const [actual, expected] = [m.u8.slice(RAM, RAM + RAM_BYTES), new Uint8Array(reference.ram.buffer).slice()];
  for (const queue of [m.commandQueue, m.faultQueue]) {
    for (const memory of [actual, expected]) memory.fill(0, queue - RAM_START, queue - RAM_START + PAGE);
  }
  expect(Buffer.from(actual).equals(expected)).toBe(true);
}

const seeds = fc.integer({ min: 1, max: 0x7fff_ffff });
const levels = fc.constantFrom(1, 2, 3) as fc.Arbitrary<1 | 2 | 3>;

test("what is cached answers as the tables do", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(seeds, levels, fc.boolean(), (seed, depth, extended) => {
      const it = made(seed, depth, extended, false);
      for (let i = 0; i < 120; i++) {
        const request = someRequest(it.random);
        // devices read, and nobody writes: the tables stay
        const plain = request.pid === undefined && request.kind === "read";
        const result = plain ? transfer(it, request, 1 + (it.random.next() % 9000)) : ask(it, request);
        seen.set(result, (seen.get(result) ?? 0) + 1);
      }
      sameMemory(it);
    }),
    { numRuns: 50, seed: 9 },
  );
  const causes = [1, 5, 12, 13, 15, 20, 21, 23, 258, 259, 260, 262, 263, 266, 267];
  expect(["translated", "moved", ...causes.map(String)].filter((result) => !seen.has(result))).toEqual([]);
});

test("DMA that may write over the tables, with the caches emptied each time", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(seeds, levels, fc.boolean(), (seed, depth, extended) => {
      const it = made(seed, depth, extended, true);
      for (let at = 0; at < 0x3000; at += 8) it.m.view.setBigUint64(STAGING + at, entry(it.random, true), true);
      for (let i = 0; i < 120; i++) {
        forget(it.m);
        const request = someRequest(it.random);
        const toPageEnd = PAGE - Number(request.iova & 0xfffn);
        const result = request.pid === undefined ? transfer(it, request, toPageEnd) : ask(it, request);
        seen.set(result, (seen.get(result) ?? 0) + 1);
      }
      sameMemory(it);
    }),
    { numRuns: 40, seed: 7 },
  );
  expect(seen.get("moved")).toBeGreaterThan(150);
});
