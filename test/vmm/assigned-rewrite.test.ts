// Rewriting of DMA addresses, NVM Express Base Specification 1.4. A guest's driver made by hand against the shadow
// registers; behind them a small controller that believes every address, whose DMA is watched.
import fc from "fast-check";
import { expect, test } from "vitest";
import { DiskImage, MemorySource } from "../../src/backends/disk-image.js";
import { Medium } from "../../src/backends/medium.js";
import { NvmeController } from "../../src/devices/nvme/controller.js";
import type { Clock, DmaPort, IrqLine, MmioDevice } from "../../src/platform/ports.js";
import { NvmeShadow, type NvmeShadowOptions } from "../../src/vmm/attach/nvme-shadow.js";
import { PlainNvme } from "./plain-nvme.js";
import { BAR, fixture, IRQ, MIB, PlainDma, plainFunction, same } from "./services.js";

const RAM = 0x8000_0000;
/** Guest-physical places of the rings and of data; data lie in another chunk than the rings. */
const ASQ = RAM + 0x1000;
const ACQ = RAM + 0x2000;
const SQ = RAM + 0x10_0000;
const CQ = RAM + 0x11_0000;
const LIST = RAM + 0x20_0000;
const DATA = RAM + 4 * MIB;
const CAP = 0;
const INTMS = 0x0c;
const INTMC = 0x10;
const CC = 0x14;
const CSTS = 0x1c;
const AQA = 0x24;
const ENABLE = 1 | (6 << 16) | (4 << 20);

const DATA_TRANSFER_ERROR = 0x4004;
const PRP_OFFSET_INVALID = 0x4013;
const INVALID_FIELD = 0x4002;
const INVALID_OPCODE = 0x4001;

interface End {
  dw0: number;
  sqid: number;
  head: number;
  cid: number;
  status: number;
}

interface Ports {
  readonly irq: IrqLine;
  readonly dma: DmaPort;
  readonly clock: Clock;
}
const plain = (ports: Ports) => new PlainNvme(ports, 8192);
/** The board's own controller, on a medium of 4 MiB. */
const board = (ports: Ports) => {
  const bytes = Uint8Array.from({ length: 4 * MIB }, (_, i) => (i * 31 + (i >> 9) * 7) & 0xff);
  const backend = new Medium(ports.clock, new DiskImage(new MemorySource(bytes)));
  return new NvmeController({ ...ports, backend });
};

/** A guest's driver: rings in its own memory, registers through the shadow. */
function guest(options: NvmeShadowOptions = {}, entries = 16, queueEntries = 64) {
  return guestOf(plain, options, entries, queueEntries);
}

function guestOf<D extends MmioDevice>(
  build: (ports: Ports) => D,
  options: NvmeShadowOptions = {},
  entries = 16,
  queueEntries = 64,
) {
  const f = fixture([8, 8]);
  const [memory, other] = f.memories;
  const dma = new PlainDma(f.vmm.core);
  let shadow: NvmeShadow | undefined;
  const physical = { held: 0 };
  const device = build({
    irq: {
      set: (level) => {
        if (level && shadow?.interrupt() === "hold") physical.held++;
      },
    },
    dma,
    clock: f.events,
  });
  f.bus.map(BAR, 0x4000, device, "pcie");
  const line = { level: false };
  const made = new NvmeShadow(
    f.vmm,
    { name: "guest0", memory },
    plainFunction(),
    {
      set: (level) => {
        line.level = level;
      },
    },
    options,
  );
  shadow = made;

  const put = (gpa: number, words: ArrayLike<number>) =>
    memory.write(gpa, new Uint8Array(Uint32Array.from(words).buffer));
  const get = (gpa: number, words: number) => {
    const bytes = new Uint8Array(words * 4);
    memory.read(gpa, bytes);
    return new Uint32Array(bytes.buffer);
  };
  const reg = (offset: number, value: number) => made.write(offset, 4, value);
  const run = () => {
    while (f.step());
  };
  const queues = [
    { sq: ASQ, cq: ACQ, entries, tail: 0, head: 0, phase: 1 },
    { sq: SQ, cq: CQ, entries: queueEntries, tail: 0, head: 0, phase: 1 },
  ];
  const push = (id: number, words: readonly number[]) => {
    const queue = queues[id];
    const sqe = new Uint32Array(16);
    sqe.set(words);
    put(queue.sq + queue.tail * 64, sqe);
    queue.tail = (queue.tail + 1) % queue.entries;
  };
  const ring = (id: number) => reg(0x1000 + id * 8, queues[id].tail);
  /** Takes completions, with or without telling the controller. */
  const reap = (id: number, acknowledge = true): End[] => {
    const queue = queues[id];
    const ends: End[] = [];
    for (;;) {
      const cqe = get(queue.cq + queue.head * 16, 4);
      if (((cqe[3] >>> 16) & 1) !== queue.phase) break;
      ends.push({
        dw0: cqe[0],
        head: cqe[2] & 0xffff,
        sqid: cqe[2] >>> 16,
        cid: cqe[3] & 0xffff,
        status: cqe[3] >>> 17,
      });
      queue.head = (queue.head + 1) % queue.entries;
      if (queue.head === 0) queue.phase ^= 1;
    }
    if (ends.length > 0 && acknowledge) reg(0x1004 + id * 8, queue.head);
    return ends;
  };
  const command = (id: number, words: readonly number[]): End[] => {
    push(id, words);
    ring(id);
    run();
    return reap(id);
  };
  const enable = () => {
    reg(AQA, ((entries - 1) << 16) | (entries - 1));
    reg(0x28, ASQ);
    reg(0x2c, 0);
    reg(0x30, ACQ);
    reg(0x34, 0);
    reg(CC, ENABLE);
    run();
  };
  const createQueues = () => {
    command(0, [5, 0, 0, 0, 0, 0, CQ, 0, 0, 0, ((queueEntries - 1) << 16) | 1, 3]);
    command(0, [1, 0, 0, 0, 0, 0, SQ, 0, 0, 0, ((queueEntries - 1) << 16) | 1, (1 << 16) | 1]);
  };
  const ready = () => {
    enable();
    command(0, [6, 1, 0, 0, 0, 0, DATA]);
    createQueues();
  };
  return {
    ...f,
    memory,
    other,
    dma,
    device,
    shadow: made,
    line,
    physical,
    put,
    get,
    reg,
    run,
    queues,
    push,
    ring,
    reap,
    command,
    enable,
    createQueues,
    ready,
  };
}

/** A read of `blocks` blocks at block 8: cid, PRP1, PRP2. */
function read(cid: number, blocks: number, prp1: number, prp2 = 0): number[] {
  return [2 | (cid << 16), 1, 0, 0, 0, 0, prp1, 0, prp2, 0, 8, 0, blocks - 1];
}

/** Addresses that the device named and that are neither its guest's nor the shadow's own. */
function strangers(g: Pick<ReturnType<typeof guest>, "dma" | "vmm">): unknown[] {
  return g.dma.named
    .map((one) => ({ ...one, first: g.vmm.ownerOf(one.address), last: g.vmm.ownerOf(one.address + one.length - 1) }))
    .filter(({ first, last }) =>
      [first, last].some(({ owner, what }) => owner !== "guest0" && !what.endsWith(" of guest0")),
    );
}

test("the registers are a controller's; what could carry an address elsewhere isn't there", () => {
  const g = guest();
  g.enable();
  expect(g.shadow.read(CAP, 4) & 0xffff).toBe(1023);
  expect(g.shadow.read(CSTS, 4)).toBe(1);
  expect(g.shadow.read(0x28, 4)).toBe(ASQ);
  expect(g.shadow.read(0x29, 1)).toBe((ASQ >>> 8) & 0xff);
  // CMBLOC, BPMBL, CMBMSC: unknown here, and writes go nowhere.
  g.reg(0x48, ASQ);
  expect([0x38, 0x48, 0x50].map((offset) => g.shadow.read(offset, 4))).toEqual([0, 0, 0]);
  expect(g.device.read(0x28, 4)).not.toBe(ASQ);
  expect(g.vmm.ownerOf(g.device.read(0x28, 4)).owner).toBe("vmm");
});

test("Identify and a read through PRP1 and PRP2 land in the guest's pages", () => {
  const g = guest();
  g.ready();
  expect(g.command(0, [6, 0, 0, 0, 0, 0, DATA, 0, 0, 0, 1])).toMatchObject([{ cid: 0, status: 0, sqid: 0 }]);
  expect(g.get(DATA + 76, 1)[0]).toBe(5 << 8);
  expect(g.command(1, read(0x1234, 8, DATA + 0x800, DATA + 0x3000))).toMatchObject([
    { cid: 0x1234, status: 0, sqid: 1, head: 1 },
  ]);
  const got = new Uint8Array(4096);
  g.memory.read(DATA + 0x800, got.subarray(0, 2048));
  g.memory.read(DATA + 0x3000, got.subarray(2048));
  expect(same(got, g.device.disk.subarray(4096, 8192))).toBe(true);
});

test.each([1, 8, 9, 16, 64, 256, 4096])("a read of %i blocks through PRPs made of single scattered pages", (blocks) => {
  const g = guest();
  g.ready();
  const pages = Math.ceil(blocks / 8) + 1;
  const where = (page: number) => RAM + 0x30_0000 + ((page * 13) % 521) * 0x2000;
  const list: number[] = [];
  for (let page = 1; page < pages; page++) list.push(where(page), 0);
  g.put(LIST, list);
  const bytes = blocks * 512;
  const offset = 0x204;
  const prp2 = bytes <= 4096 - offset ? 0 : bytes <= 8192 - offset ? where(1) : LIST;
  expect(g.command(1, read(7, blocks, where(0) + offset, prp2))).toMatchObject([{ cid: 7, status: 0 }]);
  const got = new Uint8Array(bytes);
  const first = Math.min(bytes, 4096 - offset);
  g.memory.read(where(0) + offset, got.subarray(0, first));
  for (let page = 1, at = first; at < bytes; page++, at += 4096)
    g.memory.read(where(page), got.subarray(at, at + 4096));
  expect(same(got, g.device.disk.subarray(4096, 4096 + bytes))).toBe(true);
  expect(strangers(g)).toEqual([]);
});

test("a list that starts near the end of its page is followed into the next", () => {
  const g = guest();
  g.ready();
  g.put(LIST + 4096 - 16, [DATA + 0x1000, 0, LIST + 0x8000, 0]);
  g.put(LIST + 0x8000, [DATA + 0x2000, 0, DATA + 0x3000, 0]);
  expect(g.command(1, read(7, 32, DATA, LIST + 4096 - 16))).toMatchObject([{ status: 0 }]);
  const got = new Uint8Array(16_384);
  g.memory.read(DATA, got);
  expect(same(got, g.device.disk.subarray(4096, 4096 + 16_384))).toBe(true);
  expect(g.shadow.counters.listBytesCopied).toBe(16 + 16);
});

test("a transfer of more than one list page gets a chained list of the VMM's", () => {
  const g = guest({ maxTransfer: 4 * MIB });
  g.ready();
  for (let i = 0; i < 511; i++) g.put(LIST + i * 8, [DATA + i * 4096, 0]);
  g.put(LIST + 4088, [LIST + 4096, 0]);
  for (let i = 0; i < 512; i++) g.put(LIST + 4096 + i * 8, [DATA + ((511 + i) % 1024) * 4096, 0]);
  expect(g.command(1, read(7, 8184, RAM + 0x30_0000, LIST))).toMatchObject([{ status: 0 }]);
  const got = new Uint8Array(1022 * 4096);
  g.memory.read(DATA, got);
  expect(same(got, g.device.disk.subarray(8192, 8192 + got.length))).toBe(true);
  expect(strangers(g)).toEqual([]);
});

test.each<[string, number[], number]>([
  ["data in a neighbour's memory", read(1, 8, RAM + 8 * MIB), DATA_TRANSFER_ERROR],
  ["data below RAM", read(1, 8, 0x1000), DATA_TRANSFER_ERROR],
  ["a second page outside", read(1, 16, DATA, RAM + 8 * MIB), DATA_TRANSFER_ERROR],
  ["an odd PRP1", read(1, 8, DATA + 2), PRP_OFFSET_INVALID],
  ["an unaligned PRP2", read(1, 16, DATA, DATA + 0x1004), PRP_OFFSET_INVALID],
  ["an unaligned list", read(1, 64, DATA, LIST + 4), PRP_OFFSET_INVALID],
  ["a list outside", read(1, 64, DATA, RAM + 8 * MIB), DATA_TRANSFER_ERROR],
  ["a zero in a list", read(1, 64, DATA, LIST), DATA_TRANSFER_ERROR],
  ["an SGL", [2 | (1 << 14) | (1 << 16), 1, 0, 0, 0, 0, DATA, 0, 0, 0, 8, 0, 0], INVALID_FIELD],
  ["a fused command", [2 | (1 << 8) | (1 << 16), 1, 0, 0, 0, 0, DATA, 0, 0, 0, 8, 0, 0], INVALID_FIELD],
  ["more than the VMM transfers", [2 | (1 << 16), 1, 0, 0, 0, 0, DATA, 0, LIST, 0, 8, 0, 0xffff], INVALID_FIELD],
  ["a vendor's opcode", [0x90 | (1 << 16), 1, 0, 0, 0, 0, DATA], INVALID_OPCODE],
])("%s: rejected, and the device never hears of it", (_, sqe, status) => {
  const g = guest();
  g.ready();
  const heard = g.device.commands.length;
  expect(g.command(1, sqe)).toMatchObject([{ cid: 1, status }]);
  expect(g.device.commands).toHaveLength(heard);
  expect(g.shadow.counters.commandsRejected).toBe(1);
  expect(g.shadow.rejections).toMatchObject([{ queue: 1, status: status & 0x3fff }]);
});

test("until the device has said how large a block is, nothing is transferred; what the guest makes of the answer doesn't count", () => {
  const g = guest();
  g.enable();
  g.createQueues();
  expect(g.command(1, read(1, 8, DATA))).toMatchObject([{ status: 0x4082 }]);
  expect(g.command(0, [6, 1, 0, 0, 0, 0, DATA + 0xf00, 0, DATA + 0x1000])).toMatchObject([{ status: 0 }]);
  expect(g.get(DATA + 0xf80, 1)[0]).toBe(9 << 16);
  expect(g.dma.named.filter(({ address }) => g.vmm.ownerOf(address).owner === "guest0")).toEqual([]);
  g.put(DATA + 0xf80, [12 << 16]);
  expect(g.command(1, read(1, 9, DATA, DATA + 0x3000))).toMatchObject([{ status: 0 }]);
  expect(strangers(g)).toEqual([]);
});

test("blocks of 4 KiB: a second page that the guest would pass for a list isn't one", () => {
  const g = guestOf((ports: Ports) => {
    const backend = new Medium(ports.clock, new DiskImage(new MemorySource(new Uint8Array(MIB))));
    return new NvmeController({ ...ports, backend }, { blockSize: 4096 });
  });
  g.ready();
  g.put(
    DATA + 0x1000,
    Array.from({ length: 1024 }, (_, i) => (i % 2 === 0 ? RAM + 8 * MIB : 0)),
  );
  expect(g.command(1, read(1, 9, DATA, DATA + 0x1000))).toMatchObject([{ status: DATA_TRANSFER_ERROR }]);
  expect(g.command(1, read(2, 2, DATA, DATA + 0x1000))).toMatchObject([{ status: 0 }]);
  expect(strangers(g)).toEqual([]);
});

test("a command that was checked isn't read again: what the guest writes over it afterwards doesn't count", () => {
  const g = guest();
  g.ready();
  g.put(LIST, [DATA + 0x1000, 0, DATA + 0x2000, 0]);
  g.push(1, read(1, 24, DATA, LIST));
  g.ring(1);
  const evil = RAM + 8 * MIB;
  g.put(SQ, read(1, 24, evil, evil));
  g.put(LIST, [evil, 0, evil, 0]);
  g.run();
  expect(g.reap(1)).toMatchObject([{ status: 0 }]);
  expect(strangers(g)).toEqual([]);
});

test("admin commands that carry addresses in other fields are shut out", () => {
  const g = guest();
  g.ready();
  const hostMemoryBuffer = [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0d, 1, 256, LIST, 0, 1];
  const doorbellBuffer = [0x7c, 0, 0, 0, 0, 0, LIST, 0, LIST + 4096, 0];
  expect(g.command(0, hostMemoryBuffer)).toMatchObject([{ status: INVALID_FIELD }]);
  expect(g.command(0, doorbellBuffer)).toMatchObject([{ status: INVALID_OPCODE }]);
  expect(g.command(0, [6, 0, 0, 0, LIST, 0, DATA, 0, 0, 0, 1])).toMatchObject([{ status: 0 }]);
});

test("queues: no more than granted, none twice, none outside, none in use deleted", () => {
  const g = guest({ queues: 4 });
  g.enable();
  const cq = (id: number, base: number, flags = 3) =>
    g.command(0, [5, 0, 0, 0, 0, 0, base, 0, 0, 0, (15 << 16) | id, flags])[0].status;
  const sq = (id: number, base: number, target: number) =>
    g.command(0, [1, 0, 0, 0, 0, 0, base, 0, 0, 0, (15 << 16) | id, (target << 16) | 1])[0].status;
  expect(g.command(0, [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0x00ff_00ff])[0].dw0).toBe(0x0003_0003);
  expect(sq(1, SQ, 1)).toBe(0x4100);
  expect(cq(0, CQ)).toBe(0x4101);
  expect(cq(5, CQ)).toBe(0x4101);
  expect(cq(1, RAM + 8 * MIB)).toBe(DATA_TRANSFER_ERROR);
  expect(cq(1, CQ + 64)).toBe(PRP_OFFSET_INVALID);
  expect(cq(1, CQ, 2)).toBe(INVALID_FIELD);
  expect(cq(1, CQ)).toBe(0);
  expect(cq(1, CQ)).toBe(0x4101);
  expect(sq(1, SQ, 1)).toBe(0);
  expect(g.command(0, [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])[0].status).toBe(0x410c);
  expect(g.command(0, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])[0].status).toBe(0);
  expect(g.command(0, [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])[0].status).toBe(0);
  expect(g.command(0, [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])[0].status).toBe(0x4101);
});

test("admin queues outside the guest's memory are a fatal error, and the device stays disabled", () => {
  const g = guest();
  g.reg(AQA, 0x000f_000f);
  g.reg(0x28, RAM + 8 * MIB - 0x1000);
  g.reg(0x2c, 1);
  g.reg(0x30, ACQ);
  g.reg(CC, ENABLE);
  g.run();
  expect(g.shadow.read(CSTS, 4)).toBe(2);
  expect(g.device.read(CC, 4) & 1).toBe(0);
  g.reg(CC, 0);
  g.enable();
  expect(g.shadow.read(CSTS, 4)).toBe(1);
});

test("the guest's line is up while it has completions to take, unless masked; the device's is acknowledged at once", () => {
  const g = guest();
  g.ready();
  g.push(1, read(1, 1, DATA));
  g.ring(1);
  g.run();
  expect([g.line.level, g.device.line]).toEqual([true, false]);
  g.reg(INTMS, 1);
  expect(g.line.level).toBe(false);
  g.reg(INTMC, 1);
  expect(g.line.level).toBe(true);
  g.reap(1);
  expect(g.line.level).toBe(false);
});

test("a guest that takes no completions holds its own queue up, and nothing is lost", () => {
  const g = guest({}, 16, 4);
  g.ready();
  const batch = (base: number) => {
    for (let i = 0; i < 3; i++) g.push(1, read(base + i, 1, DATA));
    g.ring(1);
    g.run();
  };
  batch(0);
  batch(3);
  expect(g.physical.held).toBeGreaterThan(0);
  expect(g.completed).toEqual([]);
  const seen = [];
  for (let ends = g.reap(1); ends.length > 0; ends = g.reap(1)) {
    seen.push(...ends.map((end) => end.cid));
    g.run();
  }
  expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
  expect(g.completed).toEqual([IRQ]);
});

test("rings wrap on both sides, rejected and accepted commands mixed", () => {
  const g = guest({}, 16, 8);
  g.ready();
  const bad = RAM + 8 * MIB;
  const statuses: number[] = [];
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 5; i++) g.push(1, read(round * 5 + i, 1, i === round % 7 ? bad : DATA));
    g.ring(1);
    g.run();
    const ends = g.reap(1);
    expect(ends.map((end) => end.cid).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4].map((i) => round * 5 + i));
    statuses.push(...ends.map((end) => end.status));
  }
  expect(statuses.filter((status) => status === DATA_TRANSFER_ERROR)).toHaveLength(g.shadow.counters.commandsRejected);
  expect(strangers(g)).toEqual([]);
});

test("a controller reset forgets queues and commands; the next enable begins anew", () => {
  const g = guest();
  g.ready();
  g.push(1, read(1, 8, DATA));
  g.ring(1);
  g.reg(CC, 0);
  g.run();
  expect(g.line.level).toBe(false);
  for (const queue of g.queues) {
    Object.assign(queue, { tail: 0, head: 0, phase: 1 });
    g.memory.write(queue.cq, new Uint8Array(4096));
  }
  g.ready();
  expect(g.command(1, read(9, 8, DATA))).toMatchObject([{ cid: 9, status: 0 }]);
});

test("bad doorbells are counted and have no effect", () => {
  const g = guest();
  g.ready();
  for (const [offset, value] of [
    [0x1000, 16],
    [0x1008, 64],
    [0x100c, 5],
    [0x1010, 1],
    [0x3ffc, 1],
    [0x1002, 1],
  ]) {
    g.shadow.write(offset, 4, value);
  }
  expect(g.shadow.counters.badDoorbells).toBe(5);
  expect(g.command(1, read(1, 8, DATA))).toMatchObject([{ status: 0 }]);
});

test("the board's controller behind the shadow: reads and writes of any size are the disk's bytes", () => {
  const g = guestOf(board);
  g.ready();
  const page = (i: number) => RAM + 0x30_0000 + ((i * 13) % 521) * 0x2000;
  const list: number[] = [];
  for (let i = 1; i < 128; i++) list.push(page(i), 0);
  g.put(LIST, list);
  const pattern = new Uint8Array(4096).map((_, i) => (i * 3) & 0xff);
  for (let i = 0; i < 128; i++) g.memory.write(page(i), pattern);
  expect(g.command(1, [1, 1, 0, 0, 0, 0, page(0), 0, LIST, 0, 8, 0, 1023])).toMatchObject([{ status: 0 }]);
  for (let i = 0; i < 128; i++) g.memory.write(page(i), new Uint8Array(4096));
  expect(g.command(1, read(2, 1024, page(0), LIST))).toMatchObject([{ cid: 2, status: 0 }]);
  const got = new Uint8Array(4096);
  for (let i = 0; i < 128; i++) {
    g.memory.read(page(i), got);
    expect(same(got, pattern)).toBe(true);
  }
  expect(strangers(g)).toEqual([]);
});

const edges = [0, 0x1000, RAM, DATA, RAM + 8 * MIB, RAM + 8 * MIB - 4096, RAM + 4 * MIB - 8, LIST, SQ, CQ, 0xffff_f000];
const address = fc.oneof(
  fc.constantFrom(...edges),
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.integer({ min: RAM / 4096, max: RAM / 4096 + 2100 }).map((page) => page * 4096),
);
const high = fc.constantFrom(0, 0, 0, 0, 1, 0x20_0000, 0xffff_ffff);
const anySqe = fc
  .tuple(
    fc.constantFrom(0, 1, 2, 2, 2, 4, 5, 6, 8, 9, 0x0a, 0x0c, 0x7c, 0x90, 0xff),
    fc.nat(0xffff),
    fc.constantFrom(0, 0, 0, 0, 0x4000, 0x100),
    fc.constantFrom(1, 1, 1, 0, 2, 0xffff_ffff),
    fc.array(fc.nat(0xffff_ffff), { minLength: 4, maxLength: 4 }),
    fc.tuple(address, high, address, high),
    fc.oneof(fc.constantFrom(0, 1, 2, 7, 13, 0x000f_0001, 0x000f_0002, 0x0fff_0003), fc.nat(0xffff_ffff)),
    fc.oneof(fc.constantFrom(0, 1, 3, 0x0001_0001), fc.nat(0xffff_ffff)),
    fc.oneof(fc.nat(300), fc.nat(0xffff_ffff)),
    fc.array(address, { minLength: 3, maxLength: 3 }),
  )
  .map(([opcode, cid, bits, nsid, reserved, prps, cdw10, cdw11, cdw12, rest]) => [
    (opcode | (cid << 16) | bits) >>> 0,
    nsid,
    ...reserved,
    ...prps,
    cdw10,
    cdw11,
    cdw12,
    ...rest,
  ]);
const listPage = fc.array(fc.tuple(address, high), { minLength: 1, maxLength: 40 });

test.each([
  ["a small controller", plain],
  ["the board's controller", board],
])(
  "whatever a guest writes: no exception, and %s names nothing but the guest's memory and the shadow's",
  (_, build) => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant("command" as const), id: fc.nat(1), sqe: anySqe, ring: fc.boolean() }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("list" as const),
          at: fc.constantFrom(0, 4096 - 16, 4096, 8192),
          entries: listPage,
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant("register" as const),
          offset: fc.nat(0x3fff),
          size: fc.constantFrom(1, 2, 4),
          value: fc.nat(0xffff_ffff),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant("doorbell" as const), index: fc.nat(5), value: fc.nat(70) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("reap" as const), id: fc.nat(1) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("run" as const) }) },
    );
    const g = guestOf<MmioDevice>(build, {}, 16, 16);
    const canary = new Uint8Array(8 * MIB).fill(0x5a);
    g.other.write(RAM, canary);
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
        g.reg(CC, 0);
        g.run();
        g.dma.named.length = 0;
        for (const queue of g.queues) {
          Object.assign(queue, { tail: 0, head: 0, phase: 1 });
          g.memory.write(queue.cq, new Uint8Array(4096));
        }
        g.ready();
        for (const one of steps) {
          if (one.kind === "command") {
            g.push(one.id, one.sqe);
            if (one.ring) g.ring(one.id);
          } else if (one.kind === "list") {
            g.put(LIST + one.at, one.entries.flat());
          } else if (one.kind === "register") {
            g.shadow.write(one.offset, one.size, one.value);
            g.shadow.read(one.offset, one.size);
          } else if (one.kind === "doorbell") {
            g.reg(0x1000 + one.index * 4, one.value);
          } else if (one.kind === "reap") {
            g.reap(one.id);
          } else {
            g.run();
          }
        }
        g.run();
        expect(strangers(g)).toEqual([]);
      }),
      { numRuns: 300, seed: 9 },
    );
    const after = new Uint8Array(8 * MIB);
    g.other.read(RAM, after);
    expect(same(after, canary)).toBe(true);
  },
);
