// NVM Express Base Specification 1.4, "Submission Queue & Completion Queue Definition", "Full Queue", "Queue Size",
// "Phase Tag": rings in host memory as plain data.
import type { Prp } from "./command.js";
import type { Status } from "./status.js";

export interface CompletionQueue {
  id: number;
  size: number;
  base: Prp;
  interruptsEnabled: boolean;
  vector: number;
  /** First entry that the host hasn't taken. */
  head: number;
  /** One behind the last entry that the host can see; one behind the last that is given out. */
  written: number;
  reserved: number;
  /** Phase tag of the entry at `reserved`. */
  phase: number;
  /** One behind the last entry that an interrupt has told of. */
  announced: number;
  /** Whether completions wait for an aggregation time to run out (interrupt coalescing), and how often they were told of. */
  aggregating: boolean;
  announcements: number;
  /** Submission queues that complete here. */
  users: number;
  /** Completions without a place, oldest first. */
  waiting: Completion[];
}

export interface SubmissionQueue {
  id: number;
  size: number;
  base: Prp;
  cq: CompletionQueue;
  head: number;
  tail: number;
  /** Commands fetched whose completions the host can't see yet. */
  outstanding: number;
  /** Called once nothing is outstanding: the queue is being deleted. */
  drained?: () => void;
}

export interface Completion {
  sq: SubmissionQueue;
  cid: number;
  status: number;
  result: number;
}

export function completionQueue(
  id: number,
  size: number,
  base: Prp,
  interruptsEnabled: boolean,
  vector: number,
): CompletionQueue {
  const indices = { head: 0, written: 0, reserved: 0, phase: 1, announced: 0 };
  return {
    id,
    size,
    base,
    interruptsEnabled,
    vector,
    ...indices,
    aggregating: false,
    announcements: 0,
    users: 0,
    waiting: [],
  };
}

export function submissionQueue(id: number, size: number, base: Prp, cq: CompletionQueue): SubmissionQueue {
  cq.users++;
  return { id, size, base, cq, head: 0, tail: 0, outstanding: 0 };
}

/** Steps from one index of a ring forward to another. */
export const distance = (from: number, to: number, size: number) => (to - from + size) % size;

export const isFull = (cq: CompletionQueue) => distance(cq.reserved, cq.head, cq.size) === 1;

/** Entries of which an interrupt has told and which the host hasn't taken. */
export const announcedEntries = (cq: CompletionQueue) => distance(cq.head, cq.announced, cq.size);

export const enum Doorbell {
  Accepted = 0,
  /** Out of range, or more entries than there can be. */
  InvalidValue = 1,
}

/** The host has put commands up to `tail`. */
export function moveTail(sq: SubmissionQueue, tail: number): Doorbell {
  if (tail >= sq.size) return Doorbell.InvalidValue;
  const free = sq.size - 1 - distance(sq.head, sq.tail, sq.size);
  if (distance(sq.tail, tail, sq.size) > free) return Doorbell.InvalidValue;
  sq.tail = tail;
  return Doorbell.Accepted;
}

/** The host has taken the completions before `head`. */
export function moveHead(cq: CompletionQueue, head: number): Doorbell {
  if (head >= cq.size) return Doorbell.InvalidValue;
  const taken = distance(cq.head, head, cq.size);
  if (taken > distance(cq.head, cq.written, cq.size)) return Doorbell.InvalidValue;
  if (taken > announcedEntries(cq)) cq.announced = head;
  cq.head = head;
  return Doorbell.Accepted;
}

/** Gives out the next entry: its index and phase tag. */
export function reserve(cq: CompletionQueue): { index: number; phase: number } {
  const entry = { index: cq.reserved, phase: cq.phase };
  cq.reserved = (cq.reserved + 1) % cq.size;
  if (cq.reserved === 0) cq.phase ^= 1;
  return entry;
}

/** How a command ends. */
export type Complete = (status: Status, result?: number) => void;
