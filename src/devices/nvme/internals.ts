// What the command sets see of the controller that runs them.
import type { BlockRequest, BlockStatus, DmaPort } from "../../platform/ports.js";
import type { AsyncEvents } from "./async-events.js";
import type { Command } from "./command.js";
import type { Features } from "./features.js";
import type { Interrupts } from "./interrupts.js";
import type { LogPages } from "./log-pages.js";
import type { NvmeConfig } from "./parameters.js";
import { type DataPointer, resolvePrps } from "./prp.js";
import type { Complete, CompletionQueue, SubmissionQueue } from "./queue.js";
import { Status } from "./status.js";

export interface Internals {
  readonly config: NvmeConfig;
  readonly interrupts: Interrupts;
  readonly features: Features;
  readonly log: LogPages;
  readonly events: AsyncEvents;
  /** By identifier; 0 is the admin queue. */
  readonly submissionQueues: (SubmissionQueue | undefined)[];
  readonly completionQueues: (CompletionQueue | undefined)[];
  /** Memory as long as the controller stays enabled. */
  readonly dma: DmaPort;
  /** CC.MPS, in bytes. */
  readonly pageSize: number;
  /** Logical blocks of the namespace. */
  readonly blocks: number;
  /** CC.IOSQES and CC.IOCQES. */
  readonly entrySizes: { submission: number; completion: number };
  readonly now: number;
  readonly frequency: number;
  /** Calls `action` after this many cycles (at once if 0), unless the controller is reset before. */
  later(cycles: number, action: () => void): void;
  /** Calls `action` in an event of its own, however short the time, unless the controller is reset before. */
  soon(action: () => void): void;
  /** Cycles until a DMA read of this many bytes has arrived, without translation. */
  readCycles(bytes: number): number;
  /** Passes a request to the backend; `done` isn't called after a reset. */
  submit(request: Omit<BlockRequest, "dma"> & { dma?: DmaPort }, done: (status: BlockStatus) => void): void;
  /** Fetches nothing more from the queue, and calls `drained` when its last command is complete. */
  drain(sq: SubmissionQueue, drained: () => void): void;
  /** The interrupt state of a vector may have changed. */
  signal(vector: number): void;
}

/** What a command handler returns: the status of a command that is done, or this when it completes the command itself. */
export const PENDING = -1;
export type Outcome = Status | typeof PENDING;

/** Largest data transfer in bytes. */
export const largestTransfer = (config: NvmeConfig) => 4096 * 2 ** config.mdts;

/** PRPs it is, and no fused operation: else the status that says so. */
export function checkFormat(command: Command): Status {
  return command.fuse === 0 && command.psdt === 0 ? Status.Success : Status.InvalidFieldInCommand;
}

/** Follows the data pointer of a command; then, at the time that takes, either completes with its error or goes on. */
export function withSegments(
  c: Internals,
  command: Command,
  length: number,
  complete: Complete,
  then: (pointer: DataPointer) => void,
): typeof PENDING {
  const pointer = resolvePrps(c.dma, command, length, c.pageSize);
  const cycles = pointer.lists.reduce((sum, bytes) => sum + c.readCycles(bytes), pointer.cycles);
  c.later(cycles, () => {
    if (pointer.status === Status.Success) then(pointer);
    else complete(pointer.status);
  });
  return PENDING;
}
