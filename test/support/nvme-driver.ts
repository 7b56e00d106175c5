// The host's side of an NVMe controller, for tests and benches: rings in a FakeMemory, and nothing that a driver
// couldn't do.
import type { MmioDevice } from "../../src/platform/ports.js";
import type { World } from "./world.js";

export interface Sqe {
  opcode: number;
  /** Fused operation and PSDT, as in bits 15:8 of the first dword. */
  flags?: number;
  cid?: number;
  nsid?: number;
  prp1?: number;
  prp2?: number;
  cdw10?: number;
  cdw11?: number;
  cdw12?: number;
  cdw13?: number;
}

export interface Cqe {
  result: number;
  sqHead: number;
  sqid: number;
  cid: number;
  /** Status code type and status code. */
  status: number;
  more: boolean;
  doNotRetry: boolean;
}

interface Ring {
  base: number;
  size: number;
  index: number;
}

/** CC of a driver that uses the NVM command set and pages of 4 KiB. */
export const CC_ENABLE = (6 << 16) | (4 << 20) | 1;
const CAP_HIGH = 4;
const CC = 0x14;
const CSTS = 0x1c;
const AQA = 0x24;
const ASQ = 0x28;
const ACQ = 0x30;
const DOORBELLS = 0x1000;

export class NvmeDriver {
  readonly queues = new Map<number, { sq: Ring; cq: Ring & { phase: number; id: number } }>();
  private readonly buffer: number;
  private nextCid = 0;

  constructor(
    readonly device: MmioDevice,
    readonly world: World,
  ) {
    this.buffer = world.memory.allocate(0x1000);
  }

  read(offset: number): number {
    return this.device.read(offset, 4);
  }
  write(offset: number, value: number): void {
    this.device.write(offset, 4, value >>> 0);
  }
  write64(offset: number, value: number): void {
    this.write(offset, value % 0x1_0000_0000);
    this.write(offset + 4, Math.floor(value / 0x1_0000_0000));
  }

  get status(): number {
    return this.read(CSTS);
  }
  get doorbellStride(): number {
    return 4 << (this.read(CAP_HIGH) & 0xf);
  }

  /** Sets up the admin queue and enables; whether the controller became ready. */
  enable(entries = 16, cc = CC_ENABLE): boolean {
    const { memory } = this.world;
    const page = 0x1000 << ((cc >>> 7) & 0xf);
    const sq = memory.allocate(entries * 64, page);
    const cq = memory.allocate(entries * 16, page);
    this.write(AQA, ((entries - 1) << 16) | (entries - 1));
    this.write64(ASQ, sq);
    this.write64(ACQ, cq);
    this.write(CC, cc);
    this.attach(0, sq, cq, entries, entries);
    return this.world.run(() => (this.status & 1) === 1);
  }

  disable(): boolean {
    this.write(CC, this.read(CC) & ~1);
    return this.world.run(() => (this.status & 1) === 0);
  }

  /** Remembers rings that the controller knows as queue pair `id`. */
  attach(id: number, sq: number, cq: number, sqEntries: number, cqEntries: number, cqid = id): void {
    const known = [...this.queues.values()].find((pair) => pair.cq.id === cqid && cqid !== id)?.cq;
    const ring = known ?? { base: cq, size: cqEntries, index: 0, phase: 1, id: cqid };
    this.queues.set(id, { sq: { base: sq, size: sqEntries, index: 0 }, cq: ring });
  }

  /** Creates an I/O queue pair. */
  createQueues(id: number, entries = 16, interrupts = true): void {
    const { memory } = this.world;
    const cq = memory.allocate(entries * 16);
    const sq = memory.allocate(entries * 64);
    const cdw10 = ((entries - 1) << 16) | id;
    this.expectSuccess(this.admin({ opcode: 5, prp1: cq, cdw10, cdw11: interrupts ? 3 : 1 }));
    this.expectSuccess(this.admin({ opcode: 1, prp1: sq, cdw10, cdw11: (id << 16) | 1 }));
    this.attach(id, sq, cq, entries, entries);
  }

  private expectSuccess(cqe: Cqe): void {
    if (cqe.status !== 0) throw new Error(`command failed with status 0x${cqe.status.toString(16)}`);
  }

  /** Puts a command into a queue without telling the controller; its identifier. */
  push(id: number, sqe: Sqe): number {
    const { sq } = this.queues.get(id)!;
    const cid = sqe.cid ?? this.nextCid++ & 0xffff;
    const at = sq.base + sq.index * 64 - this.world.memory.base;
    const { data } = this.world.memory;
    this.world.memory.bytes.fill(0, at, at + 64);
    const dword = (i: number, value = 0) => data.setUint32(at + 4 * i, value >>> 0, true);
    const address = (i: number, value = 0) => {
      dword(i, value % 0x1_0000_0000);
      dword(i + 1, Math.floor(value / 0x1_0000_0000));
    };
    dword(0, sqe.opcode | ((sqe.flags ?? 0) << 8) | (cid << 16));
    dword(1, sqe.nsid);
    address(6, sqe.prp1);
    address(8, sqe.prp2);
    dword(10, sqe.cdw10);
    dword(11, sqe.cdw11);
    dword(12, sqe.cdw12);
    dword(13, sqe.cdw13);
    sq.index = (sq.index + 1) % sq.size;
    return cid;
  }

  ringTail(id: number, value = this.queues.get(id)!.sq.index): void {
    this.write(DOORBELLS + 2 * id * this.doorbellStride, value);
  }

  ringHead(cqid: number, value: number): void {
    this.write(DOORBELLS + (2 * cqid + 1) * this.doorbellStride, value);
  }

  /** Puts a command into a queue and rings the doorbell. */
  submit(id: number, sqe: Sqe): number {
    const cid = this.push(id, sqe);
    this.ringTail(id);
    return cid;
  }

  /** The completion that the host sees next in the queue that pair `id` completes to, without taking it. */
  peek(id: number): Cqe | undefined {
    const { cq } = this.queues.get(id)!;
    const { data, base } = this.world.memory;
    const at = cq.base + cq.index * 16 - base;
    const last = data.getUint32(at + 12, true);
    if (((last >>> 16) & 1) !== cq.phase) return undefined;
    const third = data.getUint32(at + 8, true);
    const status = last >>> 17;
    return {
      result: data.getUint32(at, true),
      sqHead: third & 0xffff,
      sqid: third >>> 16,
      cid: last & 0xffff,
      status: status & 0x7ff,
      more: (status & (1 << 13)) !== 0,
      doNotRetry: (status & (1 << 14)) !== 0,
    };
  }

  /** Takes a completion, and tells the controller unless `quiet`. */
  take(id: number, quiet = false): Cqe | undefined {
    const cqe = this.peek(id);
    if (!cqe) return undefined;
    const { cq } = this.queues.get(id)!;
    cq.index = (cq.index + 1) % cq.size;
    if (cq.index === 0) cq.phase ^= 1;
    if (!quiet) this.ringHead(cq.id, cq.index);
    return cqe;
  }

  /** Takes completions until `count` have come. */
  collect(id: number, count: number): Cqe[] {
    const cqes: Cqe[] = [];
    while (cqes.length < count && this.world.run(() => this.peek(id) !== undefined)) cqes.push(this.take(id)!);
    return cqes;
  }

  /** Runs one command of queue `id` to its end. */
  execute(id: number, sqe: Sqe): Cqe {
    this.submit(id, sqe);
    const [cqe] = this.collect(id, 1);
    if (!cqe) throw new Error("no completion");
    return cqe;
  }

  admin(sqe: Sqe): Cqe {
    return this.execute(0, sqe);
  }

  /** The data structure of an Identify command. */
  identify(cns: number, nsid = 0): Uint8Array {
    this.expectSuccess(this.admin({ opcode: 6, nsid, prp1: this.buffer, cdw10: cns }));
    return this.world.memory.slice(this.buffer, 0x1000).slice();
  }

  /** `bytes` bytes of a log page. */
  log(page: number, bytes = 512, retain = false): Uint8Array {
    const cdw10 = page | (retain ? 1 << 15 : 0) | ((bytes / 4 - 1) << 16);
    this.expectSuccess(this.admin({ opcode: 2, nsid: 0xffff_ffff, prp1: this.buffer, cdw10 }));
    return this.world.memory.slice(this.buffer, bytes).slice();
  }

  /** A read (2) or write (1) of whole blocks from or into one page-aligned buffer; builds the PRP list it needs. */
  transferSqe(opcode: number, lba: number, blocks: number, address: number, blockSize = 512): Sqe {
    const { memory } = this.world;
    const pages: number[] = [];
    for (let at = 0x1000 - (address % 0x1000); at < blocks * blockSize; at += 0x1000) pages.push(address + at);
    let prp2 = pages[0] ?? 0;
    if (pages.length > 1) {
      prp2 = memory.allocate(pages.length * 8);
      pages.forEach((page, i) => {
        memory.data.setBigUint64(prp2 - memory.base + i * 8, BigInt(page), true);
      });
    }
    return { opcode, nsid: 1, prp1: address, prp2, cdw10: lba, cdw12: blocks - 1 };
  }
}
