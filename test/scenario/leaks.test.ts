// What leaves by wire, searched for the pattern of watched memory.
import { expect, test } from "vitest";
import type { Core } from "../../src/core/core.js";
import { Leaks } from "../../src/scenario/leaks.js";
import { addressOf, Watch } from "../../src/scenario/watch.js";

const RUN = { start: 0x8501_0000, bytes: 0x1_0000, owner: "vmm", what: "code and data" };

/** The watched memory. */
function filled(): Uint8Array {
  const memory = new Uint8Array(RUN.bytes);
  const core = {
    slice: (at: number, bytes: number) => memory.subarray(at - RUN.start, at - RUN.start + bytes),
    exports: { touched: () => {} },
  };
  new Watch(core as unknown as Core, [RUN]).fill();
  return memory;
}
const memory = filled();

function frame(content: Uint8Array, before = 14): Uint8Array {
  const bytes = new Uint8Array(before + content.length + 6);
  bytes.set(content, before);
  return bytes;
}

test("each word of the pattern tells its address", () => {
  const view = new DataView(memory.buffer);
  expect([0, 4, 0x8000, 0xfffc].map((at) => addressOf(view.getUint32(at, true)))).toEqual(
    [0, 4, 0x8000, 0xfffc].map((at) => RUN.start + at),
  );
});

test("bytes of watched memory are found in a frame at any alignment, and named", () => {
  const leaks = new Leaks([RUN]);
  leaks.inspect(frame(memory.subarray(0x100, 0x140), 13));
  leaks.inspect(frame(memory.subarray(0x100, 0x140), 42));
  const data = Buffer.from(memory.subarray(0x100, 0x110)).toString("hex");
  expect(leaks.report()).toEqual([
    { owner: "vmm", what: "code and data", first: RUN.start + 0x100, bytes: 0x80, data },
  ]);
});

test("other bytes, and words that stand alone, are no leak", () => {
  const leaks = new Leaks([RUN]);
  leaks.inspect(frame(new Uint8Array(1000).fill(0x5a)));
  leaks.inspect(frame(memory.subarray(0x100, 0x10c)));
  leaks.inspect(new Uint8Array(3));
  expect(leaks.report()).toEqual([]);
});

test("a pattern of addresses that nobody watches is no leak", () => {
  const leaks = new Leaks([{ ...RUN, start: RUN.start + RUN.bytes }]);
  leaks.inspect(frame(memory.subarray(0, 64)));
  expect(leaks.report()).toEqual([]);
});
