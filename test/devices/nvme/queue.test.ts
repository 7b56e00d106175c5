// NVM Express Base Specification 1.4, "Submission Queue & Completion Queue Definition", "Phase Tag".
import { expect, test } from "vitest";
import {
  announcedEntries,
  completionQueue,
  Doorbell,
  isFull,
  moveHead,
  moveTail,
  reserve,
  submissionQueue,
} from "../../../src/devices/nvme/queue.js";

const base = { lo: 0, hi: 0 };

test("a tail may fill all entries but one, and not pass the head", () => {
  const sq = submissionQueue(1, 8, base, completionQueue(1, 8, base, true, 0));
  sq.head = 3;
  sq.tail = 3;
  expect(moveTail(sq, 6)).toBe(Doorbell.Accepted);
  expect(moveTail(sq, 4)).toBe(Doorbell.InvalidValue);
  expect(moveTail(sq, 8)).toBe(Doorbell.InvalidValue);
  expect(sq.tail).toBe(6);
  expect(moveTail(sq, 2)).toBe(Doorbell.Accepted);
  expect(moveTail(sq, 3)).toBe(Doorbell.InvalidValue);
});

test("a head takes what was written, also before an interrupt told of it", () => {
  const cq = completionQueue(1, 4, base, true, 0);
  for (let i = 0; i < 3; i++) reserve(cq);
  expect(isFull(cq)).toBe(true);
  cq.written = 2;
  expect(moveHead(cq, 3)).toBe(Doorbell.InvalidValue);
  expect(moveHead(cq, 1)).toBe(Doorbell.Accepted);
  expect(announcedEntries(cq)).toBe(0);
  cq.announced = 2;
  expect(announcedEntries(cq)).toBe(1);
});

test("the phase tag is 1 in the first round and changes with every round", () => {
  const cq = completionQueue(1, 3, base, true, 0);
  const phases = Array.from({ length: 7 }, () => reserve(cq).phase);
  expect(phases).toEqual([1, 1, 1, 0, 0, 0, 1]);
});
