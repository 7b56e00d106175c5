// Virtual I/O Device (VIRTIO) Version 1.2, "Block Device".
import type { BlockBackend, BlockStatus, DmaPort } from "../../platform/ports.js";
import type { DeviceLink, VirtioDevice } from "./device.js";
import { BrokenRing, type Chain, gather, scatter, slice, type Virtqueue } from "./queue.js";

const DEVICE_ID = 2;
export const SECTOR_BYTES = 512;

export const enum BlkFeature {
  SEG_MAX = 2,
  RO = 5,
  BLK_SIZE = 6,
  FLUSH = 9,
  MQ = 12,
}

export const enum RequestType {
  IN = 0,
  OUT = 1,
  FLUSH = 4,
  GET_ID = 8,
}

export const enum RequestStatus {
  OK = 0,
  IOERR = 1,
  UNSUPP = 2,
}

/** `type`, `reserved` and `sector` before the data; `status` behind them. */
const HEADER_BYTES = 16;
const STATUS_BYTES = 1;
const ID_BYTES = 20;
const CONFIG_BYTES = 60;

export interface VirtioBlkConfig {
  readonly readOnly: boolean;
  /** blk_size: the block size that suits the device best, in bytes. */
  readonly blockSize: number;
  /** At most 20 ASCII characters. */
  readonly id: string;
  /** Request queues, and QueueSizeMax of each (a power of two). */
  readonly queues: number;
  readonly queueSize: number;
}

export const DEFAULT_BLK_CONFIG: VirtioBlkConfig = {
  readOnly: false,
  blockSize: 512,
  id: "yado",
  queues: 1,
  queueSize: 256,
};

export interface BlkCounters {
  requests: number;
  reads: number;
  writes: number;
  flushes: number;
  bytesRead: number;
  bytesWritten: number;
  errors: number;
}

/** The block device, without its transport. Its service time is the backend's. */
export class VirtioBlk implements VirtioDevice {
  readonly deviceId = DEVICE_ID;
  readonly features: number;
  readonly queueSizes: readonly number[];
  readonly config: Uint8Array;
  readonly counters: BlkCounters = {
    requests: 0,
    reads: 0,
    writes: 0,
    flushes: 0,
    bytesRead: 0,
    bytesWritten: 0,
    errors: 0,
  };
  private readonly settings: VirtioBlkConfig;
  private link: DeviceLink | undefined;
  /** While a notification is handled: chains that are done already, given back together. */
  private batch: { head: number; written: number }[] | undefined;

  constructor(
    private readonly backend: BlockBackend,
    config: Partial<VirtioBlkConfig> = {},
  ) {
    this.settings = { ...DEFAULT_BLK_CONFIG, ...config };
    const { readOnly, queues, queueSize } = this.settings;
    const always = (1 << BlkFeature.SEG_MAX) | (1 << BlkFeature.BLK_SIZE) | (1 << BlkFeature.FLUSH);
    this.features = always | (readOnly ? 1 << BlkFeature.RO : 0) | (queues > 1 ? 1 << BlkFeature.MQ : 0);
    this.queueSizes = new Array<number>(queues).fill(queueSize);
    this.config = this.configurationSpace();
  }

  /** struct virtio_blk_config: capacity, seg_max, blk_size, num_queues. */
  private configurationSpace(): Uint8Array {
    const { queues, queueSize, blockSize } = this.settings;
    const bytes = new Uint8Array(CONFIG_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(Math.floor(this.backend.size / SECTOR_BYTES)), true);
    view.setUint32(12, queueSize - 2, true); // header and status take a descriptor each
    view.setUint32(20, blockSize, true);
    view.setUint16(34, queues, true);
    return bytes;
  }

  start(link: DeviceLink): void {
    this.link = link;
  }

  reset(): void {
    this.link = undefined;
    this.batch = undefined;
  }

  notify(index: number): void {
    const { link } = this;
    if (!link) return;
    const queue = link.queues[index];
    const heads = queue.take();
    if (heads instanceof BrokenRing) {
      link.broken(heads);
      return;
    }
    const batch: { head: number; written: number }[] = [];
    this.batch = batch;
    for (const head of heads) {
      const chain = queue.chain(head);
      const broken = chain instanceof BrokenRing ? chain : this.serve(link, queue, chain);
      if (broken) {
        this.batch = undefined;
        link.broken(broken);
        return;
      }
    }
    this.batch = undefined;
    if (batch.length > 0) link.give(queue, batch);
  }

  /** Starts one request; the reason if it is none. */
  private serve(link: DeviceLink, queue: Virtqueue, chain: Chain): BrokenRing | undefined {
    if (chain.readableLength < HEADER_BYTES) return new BrokenRing("block request without a header");
    if (chain.writableLength < STATUS_BYTES) return new BrokenRing("block request without a status");
    const header = gather(link.dma, slice(chain.readable, 0, HEADER_BYTES));
    if (!header) return new BrokenRing("block request's header unreachable");
    this.counters.requests++;
    const view = new DataView(header.buffer);
    const offset = (view.getUint32(8, true) + view.getUint32(12, true) * 0x1_0000_0000) * SECTOR_BYTES;
    const finish = (status: RequestStatus, written: number) => this.finish(link, queue, chain, status, written);
    switch (view.getUint32(0, true)) {
      case RequestType.IN:
        this.transfer(link.dma, "read", offset, chain, finish);
        break;
      case RequestType.OUT:
        this.transfer(link.dma, "write", offset, chain, finish);
        break;
      case RequestType.FLUSH:
        this.flush(link.dma, finish);
        break;
      case RequestType.GET_ID:
        this.sendId(link.dma, chain, finish);
        break;
      default:
        finish(RequestStatus.UNSUPP, 0);
    }
    return undefined;
  }

  private transfer(dma: DmaPort, operation: "read" | "write", offset: number, chain: Chain, finish: Finish): void {
    const reads = operation === "read";
    const length = reads ? chain.writableLength - STATUS_BYTES : chain.readableLength - HEADER_BYTES;
    const segments = reads ? slice(chain.writable, 0, length) : slice(chain.readable, HEADER_BYTES, length);
    const refused =
      length % SECTOR_BYTES !== 0 || offset + length > this.backend.size || (!reads && this.settings.readOnly);
    if (refused) {
      finish(RequestStatus.IOERR, 0);
      return;
    }
    this.counters[reads ? "reads" : "writes"]++;
    this.backend.submit({ operation, offset, length, segments, dma }, (status) => {
      const done = status.kind === "ok";
      if (done) this.counters[reads ? "bytesRead" : "bytesWritten"] += length;
      finish(statusOf(status), done && reads ? length : 0);
    });
  }

  private flush(dma: DmaPort, finish: Finish): void {
    this.counters.flushes++;
    this.backend.submit({ operation: "flush", offset: 0, length: 0, segments: [], dma }, (status) =>
      finish(statusOf(status), 0),
    );
  }

  private sendId(dma: DmaPort, chain: Chain, finish: Finish): void {
    const id = new Uint8Array(ID_BYTES);
    for (let i = 0; i < Math.min(ID_BYTES, this.settings.id.length); i++) id[i] = this.settings.id.charCodeAt(i) & 0x7f;
    const length = Math.min(ID_BYTES, chain.writableLength - STATUS_BYTES);
    const sent = scatter(dma, slice(chain.writable, 0, length), id);
    finish(sent ? RequestStatus.OK : RequestStatus.IOERR, sent ? length : 0);
  }

  /**
   * Writes the status behind the data and gives the chain back.
   * @param data bytes written from the first writable one on. The used length counts the status only where it follows
   *   them without a gap, since a driver may trust every byte that it covers.
   */
  private finish(link: DeviceLink, queue: Virtqueue, chain: Chain, status: RequestStatus, data: number): void {
    if (this.link !== link || queue.epoch !== chain.epoch) return;
    if (status !== RequestStatus.OK) this.counters.errors++;
    const at = chain.writableLength - STATUS_BYTES;
    if (!scatter(link.dma, slice(chain.writable, at, STATUS_BYTES), Uint8Array.of(status))) {
      link.broken(new BrokenRing("block request's status unreachable"));
      return;
    }
    const used = { head: chain.head, written: data === at ? data + STATUS_BYTES : data };
    if (this.batch) this.batch.push(used);
    else link.give(queue, [used]);
  }
}

type Finish = (status: RequestStatus, written: number) => void;

function statusOf(status: BlockStatus): RequestStatus {
  return status.kind === "ok" ? RequestStatus.OK : RequestStatus.IOERR;
}
