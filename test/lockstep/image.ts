// Many programs in one image of RAM, and what has become of them.
import { RAM_START } from "../../assembly/layout.js";
import { bytes } from "../support/assembler.js";
import { driverWords } from "./harness.js";
import * as at from "./layout.js";
import { type Program, windowOf } from "./program.js";

/** RAM from its start up to `length` of the image: the rest is zero. */
export interface Image {
  bytes: Uint8Array;
  slots: { address: number; length: number }[];
}

export function imageOf(programs: readonly Program[]): Image {
  const windows = programs.map(windowOf);
  let free = at.SLOTS;
  const slots = windows.map(({ length }) => {
    const slot = { address: free, length };
    free += length;
    return slot;
  });
  const image = new Uint8Array(free - RAM_START);
  image.set(bytes(driverWords()), at.DRIVER - RAM_START);
  const list = new BigUint64Array(image.buffer, at.PROGRESS - RAM_START, 2 + 2 * slots.length);
  list.set([0n, BigInt(slots.length), ...slots.flatMap(({ address, length }) => [BigInt(address), BigInt(length)])]);
  for (const [i, slot] of slots.entries()) image.set(windows[i], slot.address - RAM_START);
  return { bytes: image, slots };
}

/** Programs that came to their end, and each one's window. */
export interface Outcome {
  ended: number;
  windows: Uint8Array[];
  /** What the machine said before it died. */
  failure?: string;
}

/** Reads the outcome from RAM after the machine has stopped; `ram` may be longer than the image. */
export function outcomeOf(image: Image, ram: Uint8Array): Outcome {
  const progress = new DataView(ram.buffer, ram.byteOffset + at.PROGRESS - RAM_START);
  return {
    ended: Number(progress.getBigUint64(0, true)),
    windows: image.slots.map(({ address, length }) => ram.slice(address - RAM_START, address - RAM_START + length)),
  };
}
