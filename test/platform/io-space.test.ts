// PCI Local Bus Specification 3.0, "I/O Space", "Master-Abort", "Base Addresses"
import { expect, test } from "vitest";
import { IoSpace } from "../../src/platform/io-space.js";
import { PcieRoot } from "../../src/platform/pcie.js";
import { Access, type MmioDevice } from "../../src/platform/ports.js";

const echo: MmioDevice = { read: (offset) => 0x40 + offset, write: () => Access.Fault, reset() {} };

test("ports answer where they are placed; elsewhere reads are all ones and writes nobody's", () => {
  const space = new IoSpace();
  const region = space.movable(4, echo);
  expect([space.read(0x20, 1), space.write(0x20, 1, 0)]).toEqual([0xff, Access.Ok]);
  space.move(region, 0x20);
  expect([space.read(0x1f, 1), space.read(0x22, 2), space.read(0x24, 4)]).toEqual([0xff, 0x42, 0xffff_ffff]);
  expect(space.write(0x20, 1, 0)).toBe(Access.Ok);
  space.move(region, undefined);
  expect(space.read(0x20, 1)).toBe(0xff);
});

const [COMMAND, BAR1, BAR4] = [0x04, 0x14, 0x20];
const SLOT_2 = 2 << 15;

function function_() {
  const mapped: [number, number | undefined][] = [];
  const root = new PcieRoot({
    windows: [{ start: 0, size: 0x1_0000 }],
    ioPorts: 0x1_0000,
    intx: () => ({ set: () => {} }),
    onMap: (_fn, bar, address) => mapped.push([bar, address]),
  });
  root.add({
    slot: 2,
    identity: { vendor: 1, device: 2, classCode: 0x01_018f },
    bars: [
      { index: 1, size: 4, space: "io" },
      { index: 4, size: 16, space: "io" },
    ],
    registers: { at: 0x40, bytes: Uint8Array.of(1, 2), writable: Uint8Array.of(0, 0xf0) },
  });
  const read = (register: number, size = 4) => root.read(SLOT_2 + register, size);
  const write = (register: number, value: number, size = 4) => root.write(SLOT_2 + register, size, value);
  return { mapped, read, write };
}

test("an I/O BAR says its kind and size, and appears with I/O decode, but never at port 0", () => {
  const { mapped, read, write } = function_();
  write(BAR1, 0xffff_ffff);
  write(BAR4, 0xffff_ffff);
  expect([read(BAR1), read(BAR4), read(0x18)]).toEqual([0xffff_fffd, 0xffff_fff1, 0]);
  write(BAR1, 0);
  write(BAR4, 0x1000);
  write(COMMAND, 2, 2);
  expect(mapped).toEqual([]);
  write(COMMAND, 1, 2);
  write(BAR4, 0xffff_fff0);
  write(BAR1, 0x8);
  expect(mapped).toEqual([
    [4, 0x1000],
    [4, undefined],
    [1, 8],
  ]);
});

test("registers of the function's own keep what may be written", () => {
  const { read, write } = function_();
  write(0x40, 0xffff, 2);
  expect([read(0x40, 2), read(0x42, 2)]).toEqual([0xf201, 0]);
  write(0x42, 0xffff, 2);
  expect(read(0x42, 2)).toBe(0);
});
