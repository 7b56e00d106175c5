// A physical disk as the block service uses it, whatever controller it is behind.

export type DiskOperation = "read" | "write" | "flush";
/** How a command ended. */
export type DiskOutcome = "ok" | "out-of-range" | "medium-error";

/** What the block service needs of a disk. */
export interface PhysicalDisk {
  /** Capacity, and bytes of a logical block. */
  readonly size: number;
  readonly blockSize: number;
  /** Most bytes of one command. */
  readonly maxTransfer: number;
  /** Commands that can be submitted now. */
  readonly free: number;
  /**
   * Queues a command for [offset, offset + length) of the disk (bytes, whole blocks) and the page-aligned physical
   * memory at `address`; false when no slot is free. `kick` makes the device look.
   */
  submit(command: DiskCommand, done: (outcome: DiskOutcome) => void): boolean;
  kick(): void;
}

export interface DiskCommand {
  readonly operation: DiskOperation;
  readonly offset: number;
  readonly length: number;
  readonly address: number;
  /** Physical addresses of the pages instead, where they don't follow one another. */
  readonly pages?: readonly number[];
}
