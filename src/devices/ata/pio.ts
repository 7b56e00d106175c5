// ATA/ATAPI-6, "PIO data-in command protocol", "PIO data-out command protocol": sectors that software moves through the data
// register, a block of them at each interrupt.
import type { BlockStatus } from "../../platform/ports.js";
import { BufferPort } from "./buffer-port.js";
import { SECTOR_BYTES } from "./registers.js";
import type { Extent } from "./task-file.js";

/** Sectors that the disk's buffer holds. */
const BUFFER_SECTORS = 256;

/** What a transfer does to its channel. */
export interface PioChannel {
  /** Moves the buffer to or from the disk, from byte `offset` of it on; `done` unless the command has been given up. */
  submit(operation: "read" | "write", offset: number, buffer: BufferPort, done: (status: BlockStatus) => void): void;
  busy(): void;
  /** A block may be moved; whether software is told so by an interrupt. */
  ready(interrupt: boolean): void;
  /** The command is over; of one that ended well by its last word nobody is told. */
  end(status: BlockStatus): void;
  endQuietly(): void;
}

export class PioTransfer {
  private bytes: Uint8Array = new Uint8Array(0);
  /** Next byte, and end of the block that is open to software. */
  private at = 0;
  private open = 0;

  /**
   * @param operation to software, or from it
   * @param extent where the buffer lies on the disk, and sectors to go from there on
   * @param blockSectors sectors an interrupt
   */
  constructor(
    private readonly channel: PioChannel,
    private readonly operation: "read" | "write",
    private readonly extent: Extent,
    private readonly blockSectors: number,
  ) {}

  /** Reads the first sectors, or asks for them. */
  start(): void {
    if (this.operation === "read") this.fill();
    else this.empty(false);
  }

  /** Lets software read bytes that don't come from the disk's sectors. */
  show(bytes: Uint8Array): void {
    this.load(bytes);
    this.channel.ready(true);
  }

  read(size: number): number {
    if (this.operation !== "read") return 0;
    let value = 0;
    for (let i = 0; i < size; i++) value += (this.bytes[this.at + i] ?? 0) * 256 ** i;
    this.moved(size);
    return value;
  }

  write(size: number, value: number): void {
    if (this.operation !== "write") return;
    for (let i = 0; i < size; i++) this.bytes[this.at + i] = value >>> (8 * i);
    this.moved(size);
  }

  private moved(size: number): void {
    this.at += size;
    if (this.at < this.open) return;
    if (this.open < this.bytes.length) {
      this.openBlock();
      this.channel.ready(true);
    } else if (this.operation === "write") this.store();
    else if (this.extent.count > 0) this.fill();
    else this.channel.endQuietly();
  }

  private load(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.at = 0;
    this.open = 0;
    this.openBlock();
  }

  private openBlock(): void {
    this.open = Math.min(this.open + this.blockSectors * SECTOR_BYTES, this.bytes.length);
  }

  /** Reads the next sectors into the buffer. */
  private fill(): void {
    const { channel, extent } = this;
    const count = Math.min(extent.count, BUFFER_SECTORS);
    const buffer = new BufferPort(count * SECTOR_BYTES);
    channel.busy();
    channel.submit("read", extent.lba * SECTOR_BYTES, buffer, (status) => {
      if (status.kind !== "ok") {
        channel.end(status);
        return;
      }
      this.pass(count);
      this.load(buffer.bytes);
      channel.ready(true);
    });
  }

  /** A buffer for what software writes next. */
  private empty(interrupt: boolean): void {
    this.load(new Uint8Array(Math.min(this.extent.count, BUFFER_SECTORS) * SECTOR_BYTES));
    this.channel.ready(interrupt);
  }

  /** Writes what software has filled. */
  private store(): void {
    const { channel, extent, bytes } = this;
    channel.busy();
    channel.submit("write", extent.lba * SECTOR_BYTES, new BufferPort(bytes.length, bytes), (status) => {
      this.pass(bytes.length / SECTOR_BYTES);
      if (status.kind === "ok" && extent.count > 0) this.empty(true);
      else channel.end(status);
    });
  }

  private pass(sectors: number): void {
    this.extent.lba += sectors;
    this.extent.count -= sectors;
  }
}
