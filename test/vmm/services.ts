// The VMM's services over plain memory: no hart, no hub. For tests of the VMM's drivers.
import { COUNTERS, RAM, RAM_START, STAGING, STAGING_SIZE } from "../../assembly/layout.js";
import type { Core } from "../../src/core/core.js";
import { Bus } from "../../src/platform/bus.js";
import { Costs } from "../../src/platform/costs.js";
import { EventQueue } from "../../src/platform/events.js";
import type { DmaPort, DmaResult } from "../../src/platform/ports.js";
import { NVME_KIND } from "../../src/vmm/attach/nvme-function.js";
import { vmmCosts } from "../../src/vmm/costs.js";
import { PlacedMemory } from "../../src/vmm/memory/guest-memory.js";
import { Placement } from "../../src/vmm/memory/placement.js";
import type { PhysicalFunction, VmmServices } from "../../src/vmm/types.js";

export const MIB = 0x10_0000;
/** Where the tests put the controller's BAR. */
export const BAR = 0x4000_0000;
export const IRQ = 33;

export interface Fixture {
  readonly vmm: VmmServices;
  readonly bus: Bus;
  readonly events: EventQueue;
  readonly placement: Placement;
  readonly memories: readonly PlacedMemory[];
  /** Handlers of physical interrupts, by source. */
  readonly handlers: Map<number, () => "hold" | undefined>;
  /** Sources completed late. */
  readonly completed: number[];
  readonly copied: { bytes: number };
  /** Lets time pass to the next event; false when there is none. */
  step(): boolean;
}

/** Guests of `guestMib` MiB each in chunks of 4 MiB, and a VMM of 16 MiB. */
export function fixture(guestMib: readonly number[] = [], makeCore: (ramSize: number) => Core = plainCore): Fixture {
  const guests = guestMib.map((mib, i) => ({ name: `guest${i}`, ram: mib * MIB }));
  const placement = new Placement({ guests, chunk: 4 * MIB, vmmRam: 16 * MIB });
  const core = makeCore(placement.ramSize);
  const bus = new Bus();
  const events = new EventQueue(() => core.cycles, 1.5e9);
  const handlers: Fixture["handlers"] = new Map();
  const completed: number[] = [];
  const copied = { bytes: 0 };
  const vmm: VmmServices = {
    core,
    clock: events,
    costs: vmmCosts(new Costs()),
    charge: (_place, cycles) => {
      core.cycles += Math.ceil(cycles);
    },
    allocate: (bytes, alignment, what) => placement.allocate(bytes, alignment, what),
    mmioRead: (address, size) => {
      core.cycles += 100;
      bus.read(address, size);
      return bus.lo;
    },
    mmioWrite: (address, size, value) => {
      core.cycles += 100;
      bus.write(address, size, value % 0x1_0000_0000, Math.floor(value / 0x1_0000_0000));
    },
    onInterrupt: (source, handler) => handlers.set(source, handler),
    complete: (source) => completed.push(source),
    copied: (_vm, bytes) => {
      copied.bytes += bytes;
    },
    ownerOf: (hpa) => placement.ownerOf(hpa),
  };
  const step = () => {
    const next = events.next();
    if (next === Number.POSITIVE_INFINITY) return false;
    core.cycles = Math.max(core.cycles, next);
    events.runDue(core.cycles);
    return true;
  };
  const memories = guests.map((guest, i) => new PlacedMemory(core, placement, i, guest.ram));
  return { vmm, bus, events, placement, memories, handlers, completed, copied, step };
}

/** RAM and counters as Core lays them out, without Wasm. */
function plainCore(ramSize: number): Core {
  const buffer = new ArrayBuffer(RAM + ramSize);
  const ram = new Uint8Array(buffer, RAM, ramSize);
  const slice = (address: number, length: number) => {
    const at = address - RAM_START;
    if (!(at >= 0 && length >= 0 && at + length <= ramSize))
      throw new RangeError(`0x${address.toString(16)}+${length}`);
    return ram.subarray(at, at + length);
  };
  const core = {
    ramSize,
    u8: new Uint8Array(buffer),
    u32: new Uint32Array(buffer),
    u64: new BigUint64Array(buffer),
    ram,
    staging: new Uint8Array(buffer, STAGING, STAGING_SIZE),
    cycles: 0,
    slice,
    store: (address: number, bytes: Uint8Array) => slice(address, bytes.length).set(bytes),
    copy: (to: number, from: number, length: number) => slice(to, length).set(slice(from, length)),
    counter: (c: number) => new Uint32Array(buffer)[(COUNTERS + c * 8) >>> 2],
  };
  return core as unknown as Core;
}

/** Whether two runs of bytes are equal; quicker than toEqual. */
export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** A physical function that only remembers its configuration writes. */
export function plainFunction(): PhysicalFunction & { readonly writes: number[][] } {
  const writes: number[][] = [];
  return {
    kind: NVME_KIND,
    deviceId: 8,
    bar: BAR,
    barSize: 0x4000,
    irq: IRQ,
    writes,
    readConfig: () => 0,
    writeConfig: (offset, size, value) => writes.push([offset, size, value]),
  };
}

/** DMA straight to physical memory, remembering what was named; `allowed` says what may be. */
export class PlainDma implements DmaPort {
  readonly staging = new Uint8Array(4 * MIB);
  readonly view = new DataView(this.staging.buffer);
  readonly named: { address: number; length: number; write: boolean }[] = [];

  constructor(private readonly core: Core) {}

  read(lo: number, hi: number, length: number, at = 0): DmaResult {
    const address = this.note(lo, hi, length, false);
    if (address < 0) return { ok: false, cause: 5, bytes: 0, cycles: 0 };
    this.staging.set(this.core.slice(address, length), at);
    return { ok: true, cause: 0, bytes: length, cycles: 0 };
  }

  write(lo: number, hi: number, length: number, at = 0): DmaResult {
    const address = this.note(lo, hi, length, true);
    if (address < 0) return { ok: false, cause: 7, bytes: 0, cycles: 0 };
    this.core.store(address, this.staging.subarray(at, at + length));
    return { ok: true, cause: 0, bytes: length, cycles: 0 };
  }

  private note(lo: number, hi: number, length: number, write: boolean): number {
    const address = hi * 0x1_0000_0000 + lo;
    this.named.push({ address, length, write });
    return address >= RAM_START && address + length <= RAM_START + this.core.ramSize ? address : -1;
  }
}
