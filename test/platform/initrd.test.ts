// Linux, "initramfs buffer format": what an initial RAM disk may be, and that a piece of one is refused.
import { expect, test } from "vitest";
import { checkInitrd } from "../../src/platform/initrd.js";
import { UserError } from "../../src/platform/user-error.js";

const ascii = (letters: string) => new TextEncoder().encode(letters);
const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

function entry(name: string, data = ""): Uint8Array {
  const field = (value: number) => value.toString(16).padStart(8, "0");
  const fields = [1, 0o100644, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0].map(field).join("");
  const pad = (text: string) => text.padEnd(Math.ceil(text.length / 4) * 4, "\0");
  return ascii(pad(pad(`070701${fields}${name}\0`) + data));
}

const ARCHIVE = join(entry("init", "#!/bin/sh\n"), entry("TRAILER!!!"));
/** RFC 8878: a frame of one raw block of three bytes, with a checksum. */
const ZSTD = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x24, 3, 0x19, 0, 0, 1, 2, 3, 9, 9, 9, 9);
const none = () => {
  throw new Error("no gzip here");
};
const check = (bytes: Uint8Array) => checkInitrd({ bytes, name: "initrd" }, none);

test("archives follow each other, with zeros between them", () => {
  check(ARCHIVE);
  check(join(ARCHIVE, new Uint8Array(512), ARCHIVE, ZSTD));
});

test.each<[string, Uint8Array]>([
  ["nothing", new Uint8Array(0)],
  ["text", ascii("hello")],
  ["half an archive", ARCHIVE.subarray(0, 130)],
  ["an archive without its end", entry("init")],
  ["half a zstd frame", ZSTD.subarray(0, 12)],
  ["half an xz stream", Uint8Array.of(0xfd, ...ascii("7zXZ"), 0, 0, 4, 1, 2, 3)],
])("refuses %s", (_, bytes) => {
  expect(() => check(bytes)).toThrow(UserError);
});

test("wherever an archive is cut or damaged, the answer is yes or a UserError", () => {
  const whole = join(ARCHIVE, ZSTD);
  for (let i = 0; i < whole.length * 8; i++) {
    const bytes = whole.slice(0, i % 2 ? whole.length : i >> 3);
    bytes[i >> 3] ^= 1 << (i & 7);
    try {
      check(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
    }
  }
});
