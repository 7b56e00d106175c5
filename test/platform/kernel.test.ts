// Linux, "Boot image header in RISC-V Linux"; System V ABI, "Program Loading": recognizing and placing software.
import { expect, test } from "vitest";
import { readFirmware, readKernel } from "../../src/platform/kernel.js";
import { planMemory } from "../../src/platform/placement.js";
import { UserError } from "../../src/platform/user-error.js";

const MIB = 0x10_0000;
const RAM = 0x8000_0000;

/** A Linux Image of `length` bytes: header, then ones. */
function image(fields: { textOffset?: number; size?: number; flags?: number; version?: number } = {}, length = 4096) {
  const bytes = new Uint8Array(length).fill(1);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x13, true);
  view.setBigUint64(8, BigInt(fields.textOffset ?? 0x20_0000), true);
  view.setBigUint64(16, BigInt(fields.size ?? 3 * MIB), true);
  view.setBigUint64(24, BigInt(fields.flags ?? 0), true);
  view.setUint32(32, fields.version ?? 2, true);
  bytes.set(new TextEncoder().encode("RISCV\0\0\0RSC\x05"), 48);
  return bytes;
}

/** The same with an EFI stub: a PE header whose one section ends at `end`. */
function stubbed(end: number, length = 4096) {
  const bytes = image({}, length);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode("MZ"), 0);
  view.setUint32(60, 64, true);
  bytes.set(new TextEncoder().encode("PE\0\0"), 64);
  view.setUint16(70, 1, true);
  view.setUint16(84, 0, true);
  view.setUint32(88 + 16, end - 1024, true);
  view.setUint32(88 + 20, 1024, true);
  return bytes;
}

const withBytes = (at: number, bytes: number[], length = 4096) => {
  const all = new Uint8Array(length);
  all.set(bytes, at);
  return all;
};
const ascii = (letters: string) => [...new TextEncoder().encode(letters)];
const kernel = (bytes: Uint8Array) => readKernel({ bytes, name: "kernel" });

test("an Image lies text_offset above the start of RAM and is as large as it says", () => {
  const { entry, segments } = kernel(image());
  expect(entry).toBe(RAM + 2 * MIB);
  expect(segments).toMatchObject([{ address: RAM + 2 * MIB, size: 3 * MIB }]);
});

test("an Image that begins with RAM starts there when nothing lies below it, at the next 2 MiB otherwise", () => {
  const bytes = image({ textOffset: 0 });
  expect(readKernel({ bytes, name: "k" }, RAM).entry).toBe(RAM);
  expect(readKernel({ bytes, name: "k" }, RAM + 0x4_5000).entry).toBe(RAM + 2 * MIB);
});

test("an EFI stub's sections tell how long the file is", () => {
  expect(kernel(stubbed(4096)).entry).toBe(RAM + 2 * MIB);
  expect(() => kernel(stubbed(8192))).toThrow("truncated: 4096 of 8192 bytes");
});

test.each<[string, Uint8Array, string]>([
  ["nothing", new Uint8Array(0), "the file is empty"],
  ["text", new TextEncoder().encode("#!/bin/sh\n"), "neither an ELF file nor a Linux Image"],
  ["arm64", withBytes(56, ascii("ARMd")), "a kernel for AArch64"],
  ["x86", withBytes(0x202, ascii("HdrS")), "a kernel for x86"],
  ["an x86 ELF", withBytes(0, [0x7f, ...ascii("ELF"), 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62]), "x86-64"],
  ["zstd", withBytes(0, [0x28, 0xb5, 0x2f, 0xfd]), "compressed with zstd. Decompress it first"],
  ["a device tree", withBytes(0, [0xd0, 0x0d, 0xfe, 0xed]), "a device tree"],
  ["another EFI program", withBytes(0, ascii("MZ")), "an EFI program"],
  ["RV32", image({ textOffset: 0x40_0000 }), "an Image for RV32"],
  ["big-endian", image({ flags: 1 }), "big-endian"],
  ["another header", image({ version: 0x2_0000 }), "a header of version 2.0"],
  ["half a header", image().subarray(0, 60), "truncated: 60 bytes"],
])("refuses %s as kernel", (_, bytes, problem) => {
  expect(() => kernel(bytes)).toThrow(UserError);
  expect(() => kernel(bytes)).toThrow(problem);
});

test("a raw binary is loaded only when the user says so", () => {
  const bytes = new Uint8Array([1, 2, 3, 4]);
  expect(() => kernel(bytes)).toThrow("--kernel-format raw");
  expect(readKernel({ bytes, name: "k", raw: true })).toMatchObject({ entry: RAM + 2 * MIB });
});

test("the initial RAM disk lies on a page below the device tree, clear of the kernel's zeros", () => {
  const initrd = { bytes: new Uint8Array(5000), name: "initrd" };
  const plan = planMemory(64 * MIB, [kernel(image())], initrd);
  expect(plan).toEqual({
    deviceTree: RAM + 64 * MIB - 0x1_0000,
    initrd: { start: RAM + 64 * MIB - 0x1_2000, end: RAM + 64 * MIB - 0x1_2000 + 5000 },
  });
  // 2 MiB + 3 MiB of kernel, 64 KiB of device tree: 12 KiB too many
  const tight = { bytes: new Uint8Array(MIB - 0x1_0000 + 1), name: "initrd" };
  expect(() => planMemory(6 * MIB, [kernel(image())], tight)).toThrow(
    "initrd: doesn't fit into 6 MiB of memory. Give the machine at least 7 MiB",
  );
});

test("a kernel too large for memory says how much it needs", () => {
  expect(() => planMemory(4 * MIB, [kernel(image())])).toThrow("at least 6 MiB");
  expect(() => planMemory(4 * MIB, [kernel(image({ size: 4096 * MIB }))])).toThrow("at most 1536 MiB");
});

test("firmware and kernel may not overlap", () => {
  const bytes = new Uint8Array(4096);
  const firmware = readFirmware({ bytes, name: "bios" }, 0x8_0000);
  expect(firmware.segments).toMatchObject([{ address: RAM, size: 0x8_0000 }]);
  const low = readKernel({ bytes: image({ textOffset: 0 }), name: "kernel" }, RAM);
  expect(() => planMemory(64 * MIB, [firmware, low])).toThrow(/overlaps/);
});

test("whatever the bytes, the answer is a program or a UserError", () => {
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return seed >>> 8;
  };
  const whole = stubbed(4096);
  for (let i = 0; i < 3000; i++) {
    const bytes = whole.slice(0, i % 3 === 0 ? random() % whole.length : whole.length);
    for (let flips = 0; flips < 1 + (i % 4); flips++) bytes[random() % 256] ^= 1 << (random() % 8);
    try {
      const program = kernel(bytes);
      planMemory(64 * MIB, [program]);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
    }
  }
});
