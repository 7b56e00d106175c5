import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { generatedBytes } from "../../src/backends/disk-image.js";
import { openImage, sha256 } from "../../src/backends/node-file.js";
import { UserError } from "../../src/platform/user-error.js";

let folder: string;
let path: string;
const contents = generatedBytes(0x3200, 1);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "yado-"));
  path = join(folder, "disk.img");
  writeFileSync(path, contents);
});
afterEach(() => rmSync(folder, { recursive: true }));

test("an image is read at any offset", () => {
  const image = openImage(path);
  const bytes = new Uint8Array(700);
  expect(image.read(0x1234, bytes)).toBe(true);
  expect(bytes).toEqual(contents.slice(0x1234, 0x1234 + 700));
  expect(image.size).toBe(0x3200);
  image.close();
});

test("writes stay in memory until commit, which replaces the file at once, also behind a link", () => {
  const link = join(folder, "link.img");
  symlinkSync(path, link);
  const image = openImage(link);
  image.write(0x3100, new Uint8Array(256).fill(1));
  expect(new Uint8Array(readFileSync(path))).toEqual(contents);
  image.commit();
  const expected = contents.slice();
  expected.fill(1, 0x3100);
  expect(new Uint8Array(readFileSync(path))).toEqual(expected);
  const bytes = new Uint8Array(0x3200);
  expect(image.read(0, bytes)).toBe(true);
  expect(bytes).toEqual(expected);
  image.close();
  expect(readdirSync(folder).sort()).toEqual(["disk.img", "link.img"]);
});

test("a commit that fails is the user's to mend, keeps what was written, and leaves nothing behind", () => {
  const image = openImage(path);
  image.write(0, new Uint8Array(512));
  rmSync(path);
  expect(() => image.commit()).toThrow(UserError);
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(path, contents);
  image.commit();
  expect(
    readFileSync(path)
      .subarray(0, 512)
      .every((byte) => byte === 0),
  ).toBe(true);
  image.close();
});

test.each([
  ["nothing there", "none.img", undefined, "can't be opened"],
  ["an empty file", "empty.img", 0, "empty"],
  ["a broken sector", "odd.img", 1000, "no multiple of 512"],
])("%s is the user's mistake, named", (_, name, size, problem) => {
  const bad = join(folder, name);
  if (size !== undefined) writeFileSync(bad, new Uint8Array(size));
  expect(() => openImage(bad)).toThrow(problem);
  expect(() => openImage(bad)).toThrow(bad);
});

test("a folder is no image", () => {
  expect(() => openImage(folder)).toThrow(UserError);
});

test("a file that shrinks under us is a medium that fails, not an exception", () => {
  const image = openImage(path);
  writeFileSync(path, contents.subarray(0, 512));
  expect(image.read(0x2000, new Uint8Array(512))).toBe(false);
  image.close();
});

test("SHA-256 counts the overlay in", () => {
  const image = openImage(path);
  image.write(5, Uint8Array.of(9));
  const expected = contents.slice();
  expected[5] = 9;
  expect(sha256(image)).toBe(createHash("sha256").update(expected).digest("hex"));
  image.close();
});
