// PCI Local Bus Specification 3.0, "Configuration Space"
import { expect, test } from "vitest";
import { type PcieFunctionConfig, PcieRoot } from "../../src/platform/pcie.js";
import type { DmaPort } from "../../src/platform/ports.js";

const NVME: PcieFunctionConfig = {
  slot: 1,
  identity: { vendor: 0x1b36, device: 0x0010, classCode: 0x01_0802 },
  bars: [{ index: 0, size: 0x4000 }],
  pin: 1,
};
const SLOT_1 = 1 << 15;
const [COMMAND, BAR0, BAR1] = [0x04, 0x10, 0x14];
const [MEMORY, MASTER, INTX_DISABLE] = [2, 4, 0x400];

function bus() {
  const lines = [false, false, false, false];
  const mapped: (number | undefined)[] = [];
  const root = new PcieRoot({
    windows: [{ start: 0x4000_0000, size: 0x4000_0000 }],
    intx: (line) => ({
      set: (level) => {
        lines[line] = level;
      },
    }),
    onMap: (_fn, _bar, address) => mapped.push(address),
  });
  const fn = root.add(NVME);
  const read = (register: number, size = 4) => root.read(SLOT_1 + register, size);
  const write = (register: number, value: number, size = 4) => root.write(SLOT_1 + register, size, value);
  return { root, fn, lines, mapped, read, write };
}

test("identity is seen in reads of 1, 2 and 4 bytes; it can't be written", () => {
  const { read, write } = bus();
  write(0, 0);
  write(8, 0);
  expect(read(0)).toBe(0x0010_1b36);
  expect(read(2, 2)).toBe(0x0010);
  expect(read(8)).toBe(0x0108_0200);
  expect(read(0x0b, 1)).toBe(0x01);
  expect(read(0x3d, 1)).toBe(1);
});

test("the host bridge is in slot 0; absent functions and buses read all ones", () => {
  const { root } = bus();
  expect(root.read(0, 4)).toBe(0x0008_1b36);
  expect(root.read(2 << 15, 4)).toBe(0xffff_ffff);
  expect(root.read(SLOT_1 + 0x1000, 2)).toBe(0xffff);
  expect(root.read((1 << 20) + SLOT_1, 1)).toBe(0xff);
});

test("writing all ones to a 64-bit BAR shows its size and kind", () => {
  const { read, write } = bus();
  write(BAR0, 0xffff_ffff);
  write(BAR1, 0xffff_ffff);
  expect(read(BAR0)).toBe(0xffff_c004);
  expect(read(BAR1)).toBe(0xffff_ffff);
  write(0x18, 0xffff_ffff);
  expect(read(0x18)).toBe(0);
});

test("a BAR appears with memory decode, moves with its address, and is gone outside the window", () => {
  const { fn, mapped, write } = bus();
  write(BAR0, 0x4000_0000);
  write(BAR1, 0);
  expect(mapped).toEqual([]);
  write(COMMAND, MEMORY, 2);
  write(BAR0, 0x4001_0000);
  expect(fn.barAddress(0)).toBe(0x4001_0000);
  write(BAR0, 0xffff_ffff);
  write(BAR0, 0x4000_0000);
  write(COMMAND, 0, 2);
  expect(mapped).toEqual([0x4000_0000, 0x4001_0000, undefined, 0x4000_0000, undefined]);
});

test("INTx follows the swizzle, obeys INTx-disable, and shows in the status register", () => {
  const { fn, lines, read, write } = bus();
  fn.irq.set(true);
  expect(lines).toEqual([false, true, false, false]);
  expect(read(0x06, 2) & 8).toBe(8);
  write(COMMAND, INTX_DISABLE, 2);
  expect(lines[1]).toBe(false);
  expect(read(0x06, 2) & 8).toBe(8);
  write(COMMAND, 0, 2);
  fn.irq.set(false);
  expect(lines[1]).toBe(false);
});

test("functions that share a line hold it together", () => {
  const { root, fn, lines } = bus();
  const other = root.add({ ...NVME, slot: 5 });
  fn.irq.set(true);
  other.irq.set(true);
  fn.irq.set(false);
  expect(lines[1]).toBe(true);
  other.irq.set(false);
  expect(lines[1]).toBe(false);
});

test("without bus-master enable DMA is refused and never reaches the hub", () => {
  const { fn, write } = bus();
  let reached = 0;
  const ok = { ok: true, cause: 0, bytes: 4, cycles: 0 };
  const transfer = () => {
    reached++;
    return ok;
  };
  const inner: DmaPort = {
    staging: new Uint8Array(8),
    view: new DataView(new ArrayBuffer(8)),
    read: transfer,
    write: transfer,
  };
  const port = fn.master(inner);
  expect(port.read(0, 0, 4)).toMatchObject({ ok: false, bytes: 0 });
  write(COMMAND, MASTER, 2);
  expect(port.write(0, 0, 4)).toBe(ok);
  expect(reached).toBe(1);
});

test("only defined bits of the command register hold; reset clears them and hides the BAR", () => {
  const { root, fn, mapped, read, write } = bus();
  write(BAR0, 0x4000_0000);
  write(COMMAND, 0xffff, 2);
  expect(read(COMMAND, 2)).toBe(0x0546);
  root.reset();
  expect(read(COMMAND, 2)).toBe(0);
  expect(fn.busMaster).toBe(false);
  expect(mapped.at(-1)).toBeUndefined();
});
