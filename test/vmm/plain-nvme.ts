// A controller as small as can be, written from the specification apart from src/devices: rings, PRPs, one namespace.
// NVM Express Base Specification 1.4. It believes every address that it is told.
import { Access, type Clock, type DmaPort, type IrqLine, type MmioDevice } from "../../src/platform/ports.js";

const PAGE = 4096;
const BLOCK = 512;

interface Ring {
  base: number;
  entries: number;
  head: number;
  tail: number;
  phase: number;
  cq: number;
}

export class PlainNvme implements MmioDevice {
  readonly disk: Uint8Array;
  /** Opcodes in the order of arrival: queue × 256 + opcode. */
  readonly commands: number[] = [];
  /** Whether commands are left lying. */
  deaf = false;
  line = false;
  /** Cycles from doorbell to completion. */
  latency = 1000;
  private regs = new Uint32Array(16);
  private sq: (Ring | undefined)[] = [];
  private cq: (Ring | undefined)[] = [];
  private generation = 0;

  constructor(
    private readonly ports: { irq: IrqLine; dma: DmaPort; clock: Clock },
    blocks = 2048,
    private readonly mdts = 5,
  ) {
    this.disk = new Uint8Array(blocks * BLOCK);
    for (let i = 0; i < this.disk.length; i++) this.disk[i] = (i * 31 + (i >> 9) * 7) & 0xff;
  }

  read(offset: number, _size: number): number {
    if (offset === 0) return 1023 | (1 << 16) | (20 << 24);
    if (offset === 4) return 1 << 5;
    return offset < 64 ? this.regs[offset / 4] : 0;
  }

  write(offset: number, _size: number, value: number): Access {
    if (offset >= 0x1000) this.doorbell((offset - 0x1000) / 4, value);
    else if (offset === 0x14) this.control(value);
    else this.regs[offset / 4] = value;
    return Access.Ok;
  }

  reset(): void {}

  private control(value: number): void {
    const was = this.regs[5] & 1;
    this.regs[5] = value;
    this.generation++;
    if (!was && value & 1) {
      const aqa = this.regs[9];
      this.sq = [ring(this.regs[10] + this.regs[11] * 2 ** 32, (aqa & 0xfff) + 1, 0)];
      this.cq = [ring(this.regs[12] + this.regs[13] * 2 ** 32, (aqa >>> 16) + 1, 0)];
      this.ports.clock.after(100, () => {
        this.regs[7] = 1;
      });
    }
    if (was && !(value & 1)) {
      this.sq = [];
      this.cq = [];
      this.regs[7] = 0;
    }
    this.update();
  }

  private doorbell(index: number, value: number): void {
    const queue = (index % 2 === 0 ? this.sq : this.cq)[index >> 1];
    if (!queue) return;
    if (index % 2 === 1) {
      queue.head = value;
      this.update();
      return;
    }
    queue.tail = value;
    const { generation } = this;
    if (!this.deaf) this.ports.clock.after(this.latency, () => generation === this.generation && this.work(index >> 1));
  }

  private work(id: number): void {
    const sq = this.sq[id];
    while (sq && this.sq[id] === sq && sq.head !== sq.tail) {
      const { dma } = this.ports;
      dma.read(...split(sq.base + sq.head * 64), 64);
      const sqe = new Uint32Array(dma.staging.slice(0, 64).buffer);
      sq.head = (sq.head + 1) % sq.entries;
      this.commands.push(id * 256 + (sqe[0] & 0xff));
      const [status, dw0] = id === 0 ? this.admin(sqe) : [this.io(sqe), 0];
      this.post(id, sq, sqe[0] >>> 16, status, dw0);
    }
    this.update();
  }

  private admin(sqe: Uint32Array): [number, number] {
    const id = sqe[10] & 0xffff;
    const base = sqe[6] + sqe[7] * 2 ** 32;
    switch (sqe[0] & 0xff) {
      case 0x00:
        this.sq[id] = undefined;
        return [0, 0];
      case 0x01:
        this.sq[id] = ring(base, (sqe[10] >>> 16) + 1, sqe[11] >>> 16);
        return [0, 0];
      case 0x04:
        this.cq[id] = undefined;
        return [0, 0];
      case 0x05:
        this.cq[id] = ring(base, (sqe[10] >>> 16) + 1, 0);
        return [0, 0];
      case 0x06: {
        const data = new Uint8Array(PAGE);
        data[77] = this.mdts;
        if ((sqe[10] & 0xff) === 0) {
          data.fill(0);
          new DataView(data.buffer).setUint32(0, this.disk.length / BLOCK, true);
          data[130] = 9;
        }
        return [this.transfer(sqe, data, true), 0];
      }
      case 0x02:
        return [this.transfer(sqe, new Uint8Array(((sqe[10] >>> 16) + 1) * 4), true), 0];
      case 0x09:
      case 0x0a:
        return [0, (sqe[10] & 0xff) === 7 ? 63 | (63 << 16) : 0];
      default:
        return [1, 0];
    }
  }

  private io(sqe: Uint32Array): number {
    const opcode = sqe[0] & 0xff;
    if (opcode === 0) return 0;
    const at = (sqe[10] + sqe[11] * 2 ** 32) * BLOCK;
    const length = ((sqe[12] & 0xffff) + 1) * BLOCK;
    if (opcode !== 1 && opcode !== 2) return 1;
    if (at + length > this.disk.length) return 0x80;
    return this.transfer(sqe, this.disk.subarray(at, at + length), opcode === 2);
  }

  private transfer(sqe: Uint32Array, data: Uint8Array, toMemory: boolean): number {
    const { dma } = this.ports;
    for (const [address, at, length] of this.pages(sqe, data.length)) {
      if (toMemory) dma.staging.set(data.subarray(at, at + length));
      const result = toMemory ? dma.write(...split(address), length) : dma.read(...split(address), length);
      if (!result.ok) return 4;
      if (!toMemory) data.set(dma.staging.subarray(0, length), at);
    }
    return 0;
  }

  private *pages(sqe: Uint32Array, length: number): Generator<[number, number, number]> {
    const { dma } = this.ports;
    const first = Math.min(length, PAGE - (sqe[6] % PAGE));
    yield [sqe[6] + sqe[7] * 2 ** 32, 0, first];
    const pages = Math.ceil((length - first) / PAGE);
    let pointer = sqe[8] + sqe[9] * 2 ** 32;
    if (pages === 1) yield [pointer, first, length - first];
    if (pages <= 1) return;
    for (let page = 0; page < pages; page++) {
      dma.read(...split(pointer), 8);
      if ((pointer + 8) % PAGE === 0 && page + 1 < pages) {
        pointer = dma.view.getUint32(0, true) + dma.view.getUint32(4, true) * 2 ** 32;
        dma.read(...split(pointer), 8);
      }
      const address = dma.view.getUint32(0, true) + dma.view.getUint32(4, true) * 2 ** 32;
      pointer += 8;
      const at = first + page * PAGE;
      yield [address, at, Math.min(PAGE, length - at)];
    }
  }

  private post(id: number, sq: Ring, cid: number, status: number, dw0: number): void {
    const cq = this.cq[sq.cq];
    if (!cq) return;
    const { dma } = this.ports;
    new Uint32Array(dma.staging.buffer, 0, 4).set([
      dw0,
      0,
      sq.head | (id << 16),
      cid | (cq.phase << 16) | (status << 17),
    ]);
    dma.write(...split(cq.base + cq.tail * 16), 16);
    cq.tail = (cq.tail + 1) % cq.entries;
    if (cq.tail === 0) cq.phase ^= 1;
  }

  private update(): void {
    this.line = this.cq.some((cq) => cq && cq.head !== cq.tail);
    this.ports.irq.set(this.line);
  }
}

function ring(base: number, entries: number, cq: number): Ring {
  return { base, entries, head: 0, tail: 0, phase: 1, cq };
}

function split(address: number): [number, number] {
  return [address % 2 ** 32, Math.floor(address / 2 ** 32)];
}
