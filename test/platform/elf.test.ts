// System V ABI, "Object Files", "Program Loading"
import { expect, test } from "vitest";
import { loadElf, parseElf } from "../../src/platform/elf.js";
import { UserError } from "../../src/platform/user-error.js";

interface Piece {
  address: number;
  data: number[];
  size?: number;
}

/** A minimal executable: header, program headers, data. */
function elf(pieces: Piece[], entry = pieces[0]?.address ?? 0): Uint8Array {
  const start = 64 + 56 * pieces.length;
  const bytes = new Uint8Array(start + pieces.reduce((sum, p) => sum + p.data.length, 0));
  const view = new DataView(bytes.buffer);
  const wide = (offset: number, value: number) => view.setBigUint64(offset, BigInt(value), true);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 243, true);
  wide(24, entry);
  wide(32, 64);
  view.setUint16(54, 56, true);
  view.setUint16(56, pieces.length, true);
  let at = start;
  for (const [i, piece] of pieces.entries()) {
    const header = 64 + 56 * i;
    view.setUint32(header, 1, true);
    wide(header + 8, at);
    wide(header + 16, piece.address);
    wide(header + 24, piece.address);
    wide(header + 32, piece.data.length);
    wide(header + 40, piece.size ?? piece.data.length);
    bytes.set(piece.data, at);
    at += piece.data.length;
  }
  return bytes;
}

const GOOD = elf([{ address: 0x8020_0000, data: [1, 2, 3, 4], size: 10 }]);
const patched = (offset: number, ...values: number[]): Uint8Array => {
  const bytes = GOOD.slice();
  bytes.set(values, offset);
  return bytes;
};

test("segments and zeros go where the file says; the entry comes back", () => {
  const memory = new Uint8Array(16).fill(0xff);
  const entry = loadElf(GOOD, "kernel", { start: 0x8020_0000, size: 16 }, (address, bytes) =>
    memory.set(bytes, address - 0x8020_0000),
  );
  expect(entry).toBe(0x8020_0000);
  expect([...memory]).toEqual([1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255]);
});

test.each([
  ["nothing", new Uint8Array(0), "not an ELF file"],
  ["text", new TextEncoder().encode("#!/bin/sh\n"), "not an ELF file"],
  ["a cut header", GOOD.subarray(0, 40), "truncated"],
  ["32 bits", patched(4, 1), "32-bit"],
  ["big-endian", patched(5, 2), "big-endian"],
  ["x86-64", patched(18, 62), "another machine"],
  ["an object file", patched(16, 1), "no executable"],
  ["no program headers", patched(56, 0), "no program headers"],
  ["odd program headers", patched(54, 32), "program headers of 32 bytes"],
  ["program headers beyond the end", patched(32, 0xff, 0xff), "truncated"],
  ["program headers beyond every end", patched(32, 255, 255, 255, 255, 255, 255, 255, 255), "truncated"],
  ["cut data", GOOD.subarray(0, GOOD.length - 1), "truncated"],
  ["more in the file than in memory", patched(64 + 40, 1), "more bytes in the file"],
  ["a huge size", patched(64 + 47, 0xff), "beyond every address"],
  ["an entry in no segment", patched(24, 0, 0, 0, 0x10), "entry"],
  ["a dynamic program", patched(64, 2), "dynamically linked"],
  ["nothing to load", patched(64, 6), "nothing to load"],
  [
    "overlapping segments",
    elf([
      { address: 0x8020_0000, data: [1, 2] },
      { address: 0x8020_0001, data: [3] },
    ]),
    "overlap",
  ],
])("refuses %s with one clear message", (_, bytes, problem) => {
  expect(() => parseElf(bytes, "guest.elf")).toThrow(UserError);
  expect(() => parseElf(bytes, "guest.elf")).toThrow(`guest.elf: `);
  expect(() => parseElf(bytes, "guest.elf")).toThrow(problem);
});

test("refuses a program outside RAM and names both", () => {
  expect(() => loadElf(GOOD, "guest.elf", { start: 0x8000_0000, size: 0x1000 }, () => {})).toThrow(
    "linked at 0x80200000…0x8020000a, outside RAM",
  );
});

test("whatever the bytes, the answer is an image or a UserError", () => {
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return seed >>> 8;
  };
  for (let i = 0; i < 3000; i++) {
    const bytes = patched(random() % (GOOD.length - 1), random() & 0xff, random() & 0xff);
    try {
      parseElf(bytes, "fuzz");
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
    }
  }
});
