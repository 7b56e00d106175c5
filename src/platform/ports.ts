// What a device may know of the world: its interrupt line, its DMA port, the clock. Nothing about where it sits.

/** A level-triggered interrupt line. */
export interface IrqLine {
  set(level: boolean): void;
}

/** What device lines lead to. */
export interface InterruptController {
  /** The line of a source; RangeError if there is none of that number. */
  line(source: number): IrqLine;
}

/** The machine's clock, in cycles. */
export interface Clock {
  now(): number;
  /** Cycles per second. */
  readonly frequency: number;
  /** Calls `action` once, `cycles` from now (at least 0). The returned handle cancels it. */
  after(cycles: number, action: () => void): EventHandle;
}

export interface EventHandle {
  cancel(): void;
}

/** Outcome of a transfer. `cause` is 0, or the IOMMU fault cause; `bytes` arrived before it; `cycles` went into translation. */
export interface DmaResult {
  readonly ok: boolean;
  readonly cause: number;
  readonly bytes: number;
  readonly cycles: number;
}

/**
 * How a device reaches memory. Addresses are 64 bits wide as two u32 (low, high): a hostile driver may name any.
 * Bytes pass through `staging`, which is shared by all devices and valid only until the next call.
 */
export interface DmaPort {
  /** Bytes for `write`, and bytes got by `read`, from index 0. */
  readonly staging: Uint8Array;
  /** DataView over the same bytes. */
  readonly view: DataView;
  /** Memory → staging[at…at+length). */
  read(lo: number, hi: number, length: number, at?: number): DmaResult;
  /** staging[at…at+length) → memory. */
  write(lo: number, hi: number, length: number, at?: number): DmaResult;
}

/** Whether an access was understood. A refused one becomes the access fault of whoever made it. */
export const enum Access {
  Ok = 0,
  Fault = 1,
}

/**
 * A device's registers as the bus sees them. Sizes are 1, 2 or 4 bytes (the bus splits 8-byte accesses in two, low half
 * first); values are unsigned 32-bit numbers.
 */
export interface MmioDevice {
  /** The value, or -1 when the access is refused. */
  read(offset: number, size: number): number;
  write(offset: number, size: number, value: number): Access;
  /** Back to the state after power-on. */
  reset(): void;
}

/** Where a device's message-signalled interrupts go. */
export interface MsiPort {
  /** A memory write of 4 bytes by the device; false when the IOMMU or nobody took it. */
  send(lo: number, hi: number, data: number): boolean;
}

/** The message-signalled interrupts of a device, which software chooses over its line. */
export interface MessageVectors {
  /** Vectors are 0…count - 1. */
  readonly count: number;
  /** Whether software has chosen messages: the line is dead then. */
  readonly enabled: boolean;
  /** Sends the vector's message, or keeps it pending while the vector is masked. Nothing while not enabled. */
  raise(vector: number): void;
}

/** A capability in PCI configuration space. */
export interface PcieCapability {
  readonly id: number;
  /** Its bytes after reset, from behind the header (id and next pointer) on. */
  readonly body: Uint8Array;
  /** Bits of them that software may write; left out, none. */
  readonly writable?: Uint8Array;
  /** Brings the bytes up to date before [from, to) of them are read. */
  onRead?(body: Uint8Array, from: number, to: number): void;
  /** [from, to) of the bytes have been written. */
  onWrite?(body: Uint8Array, from: number, to: number): void;
}

/** A device behind PCIe: its registers answer in every BAR but those that are given, and it may have capabilities of its own. */
export interface PcieDevice extends MmioDevice {
  /** What answers in a BAR, by its index. */
  readonly bars?: Readonly<Record<number, MmioDevice>>;
  readonly capabilities?: readonly PcieCapability[];
}

/** Takes the characters that a serial line or the debug console sends. */
export interface ConsoleSink {
  /** One byte, 0…255. */
  write(byte: number): void;
}

/** A console with both directions. */
export interface ConsolePort extends ConsoleSink {
  /** The next byte typed, or -1. */
  take(): number;
  /** Bytes that it takes now; left out, any number. */
  room?(): number;
  /** Calls `action` once, when it takes bytes again. */
  whenRoom?(action: () => void): void;
  /** Whether all that it took has left; left out, it always has. */
  empty?(): boolean;
}

/** A piece of memory that a request reads or fills, in bus addresses. */
export interface Segment {
  lo: number;
  hi: number;
  length: number;
}

const TWO32 = 0x1_0000_0000;

/** Low half of the address that lies `bytes` (less than 2^32) behind an address with low half `lo`. */
export function lowAfter(lo: number, bytes: number): number {
  return (lo + bytes) >>> 0;
}

/** High half of the same: addresses wrap at 2^64. */
export function highAfter(lo: number, hi: number, bytes: number): number {
  return (hi + (lo + bytes >= TWO32 ? 1 : 0)) >>> 0;
}

export type BlockOperation = "read" | "write" | "flush";

/** A request to a block backend; offset and length in bytes, the segments add up to length and mean something to `dma` alone. */
export interface BlockRequest {
  operation: BlockOperation;
  offset: number;
  length: number;
  segments: readonly Segment[];
  dma: DmaPort;
}

/** How a block request ended: done, a DMA fault (with its cause), a range or medium error. */
export type BlockStatus =
  | { kind: "ok" }
  | { kind: "dma-fault"; cause: number; lo: number; hi: number }
  | { kind: "out-of-range" }
  | { kind: "read-only" }
  | { kind: "medium-error" };

/**
 * What stands behind a disk's front end (NVMe, virtio-blk): the medium itself for the physical disk, the VMM's block
 * service for the VMM's software models.
 */
export interface BlockBackend {
  /** Capacity in bytes, a multiple of 512. */
  readonly size: number;
  submit(request: BlockRequest, done: (status: BlockStatus) => void): void;
}

/** Takes what arrives at one end of a network link. */
export interface LinkReceiver {
  /** An Ethernet frame without preamble and frame check sequence, valid only during the call. */
  receive(frame: Uint8Array): void;
  linkChanged(up: boolean): void;
}

/** One end of a full-duplex network link, as a network interface has it. */
export interface Link {
  readonly up: boolean;
  /** Bits per second. */
  readonly speed: number;
  /** Names who takes what arrives at this end. */
  attach(receiver: LinkReceiver): void;
  /**
   * Puts a frame on the wire, without preamble and frame check sequence; its bytes are read during the call. `sent` is called when its
   * last bit has left, and until then no other may be sent. With the link down it is lost, and sent at once.
   */
  send(frame: Uint8Array, sent: () => void): void;
}
