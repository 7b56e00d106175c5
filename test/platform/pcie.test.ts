// PCI Local Bus Specification 3.0, "Configuration Space"
import fc from "fast-check";
import { expect, test } from "vitest";
import { msixBarSize } from "../../src/platform/msix.js";
import { type PcieFunctionConfig, PcieRoot } from "../../src/platform/pcie.js";
import type { DmaPort } from "../../src/platform/ports.js";
import { EXPRESS, MSIX, PciFunction } from "../support/pci-driver.js";

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

// ---- capabilities and MSI-X

const MESSAGES = { vectors: 3, bar: 4 };
const WITH_MSIX = {
  identity: NVME.identity,
  bars: [
    { index: 0, size: 0x4000 },
    { index: 4, size: msixBarSize(3) },
  ],
  pin: 1,
  express: true,
  msix: MESSAGES,
};
const [ENABLE, FUNCTION_MASK] = [0x8000, 0x4000];
const ENTRY = { lo: 0x2800_0000, hi: 2, data: 9 };

function messages() {
  const line = { level: false };
  const irq = {
    set: (level: boolean) => {
      line.level = level;
    },
  };
  const pci = new PciFunction(WITH_MSIX, irq);
  pci.entry(1, ENTRY);
  const pending = () => pci.fn.msix?.read(pci.read(pci.capabilities(MSIX)[0] + 8) & ~7, 4);
  return { pci, line, pending, raise: (vector: number) => pci.fn.msix?.raise(vector) };
}

test("the status register announces the capability list, whose pointers are aligned and end ('Capabilities List')", () => {
  const { pci } = messages();
  const [express] = pci.capabilities(EXPRESS);
  const [msix] = pci.capabilities(MSIX);
  expect(pci.read(0x06, 2) & 0x10).toBe(0x10);
  expect([express % 4, msix % 4]).toEqual([0, 0]);
  expect(bus().read(0x06, 2) & 0x10).toBe(0);
});

test("version 2 of a root complex integrated endpoint ('PCI Express Capabilities Register')", () => {
  const { pci } = messages();
  const [express] = pci.capabilities(EXPRESS);
  expect(pci.read(express + 2, 2)).toBe(0x0092);
  pci.write(express + 8, 0xffff, 2);
  expect(pci.read(express + 8, 2)).toBe(0x7fff);
});

test("extended configuration space is empty, and stays so", () => {
  const { pci } = messages();
  pci.write(0x100, 0xffff_ffff);
  pci.write(0xffc, 0xffff_ffff);
  expect([pci.read(0x100), pci.read(0xffc)]).toEqual([0, 0]);
});

test("table size, table and pending bits as the capability says ('MSI-X Capability Structure')", () => {
  const { pci } = messages();
  const [msix] = pci.capabilities(MSIX);
  expect(pci.read(msix + 2, 2)).toBe(2);
  expect([pci.read(msix + 4), pci.read(msix + 8)]).toEqual([4, 0x804]);
  pci.write(msix, 0xffff_ffff);
  expect(pci.read(msix + 2, 2)).toBe(0xc002);
});

test("entries come out of reset masked; reserved bits of theirs read 0 ('MSI-X Table Structure')", () => {
  const { pci } = messages();
  expect(pci.fn.msix?.read(0x2c, 4)).toBe(1);
  pci.entry(2, { lo: 0xffff_ffff, hi: 0xffff_ffff, data: 0xffff_ffff });
  pci.fn.msix?.write(0x2c, 4, 0xffff_ffff);
  expect([0x20, 0x24, 0x28, 0x2c].map((at) => pci.fn.msix?.read(at, 4))).toEqual([
    0xffff_fffc, 0xffff_ffff, 0xffff_ffff, 1,
  ]);
});

test("a vector sends its message once enabled; the pin is dead then ('Enabling Operation')", () => {
  const { pci, line, raise } = messages();
  pci.fn.irq.set(true);
  raise(1);
  expect([line.level, pci.sent.length]).toEqual([true, 0]);
  pci.messageControl(ENABLE);
  raise(1);
  expect([line.level, pci.sent]).toEqual([false, [ENTRY]]);
  pci.messageControl(0);
  expect(line.level).toBe(true);
});

test("what is raised under a mask is pending, and goes out once when the mask falls ('Masking')", () => {
  const { pci, pending, raise } = messages();
  pci.messageControl(ENABLE | FUNCTION_MASK);
  raise(1);
  raise(1);
  expect([pending(), pci.sent.length]).toEqual([2, 0]);
  pci.entry(1, ENTRY, true);
  pci.messageControl(ENABLE);
  expect([pending(), pci.sent.length]).toEqual([2, 0]);
  pci.entry(1, ENTRY);
  expect([pending(), pci.sent]).toEqual([0, [ENTRY]]);
});

test("a function that isn't bus master keeps its message until it is", () => {
  const { pci, pending, raise } = messages();
  pci.messageControl(ENABLE);
  pci.write(COMMAND, MEMORY, 2);
  raise(1);
  expect([pending(), pci.sent.length]).toEqual([2, 0]);
  pci.write(COMMAND, MEMORY | MASTER, 2);
  expect([pending(), pci.sent.length]).toEqual([0, 1]);
});

test("pending bits can't be written, and reset drops them", () => {
  const { pci, pending, raise } = messages();
  pci.messageControl(ENABLE | FUNCTION_MASK);
  pci.fn.msix?.write(0x800, 4, 0xffff_ffff);
  expect(pending()).toBe(0);
  raise(0);
  pci.root.reset();
  expect([pending(), pci.fn.msix?.enabled]).toEqual([0, false]);
});

test("a 32-bit BAR has one half, and says what it is ('Address Maps')", () => {
  const bars = [{ index: 1, size: 0x1000, width: 32, prefetchable: true } as const];
  const pci = new PciFunction({ identity: NVME.identity, bars }, { set: () => {} });
  [0x10, 0x14, 0x18].forEach((bar) => {
    pci.write(bar, 0xffff_ffff);
  });
  expect([0x10, 0x14, 0x18].map((bar) => pci.read(bar))).toEqual([0, 0xffff_f008, 0]);
  pci.write(0x14, 0x4000_2000);
  pci.write(COMMAND, MEMORY, 2);
  expect(pci.fn.barAddress(1)).toBe(0x4000_2000);
});

test("a 64-bit BAR may lie in the window above 4 GiB", () => {
  const { pci } = messages();
  pci.write(BAR0, 0x8000_0000);
  pci.write(BAR1, 5);
  pci.write(COMMAND, MEMORY, 2);
  expect(pci.mapped).toContainEqual({ bar: 0, address: 0x5_8000_0000 });
});

test("any traffic in configuration space and MSI-X table is survived", () => {
  const access = fc.record({
    config: fc.boolean(),
    at: fc.oneof(fc.nat(0x3f), fc.nat(0x400)).map((dword) => dword * 4),
    value: fc.oneof(fc.nat(64), fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0xc000_0000, 0x8000_0000)),
    action: fc.constantFrom("read", "write", "write", "raise"),
  });
  fc.assert(
    fc.property(fc.array(access, { maxLength: 80 }), (accesses) => {
      const { pci, raise } = messages();
      const identity = pci.read(0);
      for (const { config, at, value, action } of accesses) {
        const target = config ? pci : { read: pci.fn.msix!.read.bind(pci.fn.msix), write: msixWrite(pci) };
        if (action === "raise") raise(value);
        else if (action === "write") target.write(at, value);
        else expect(target.read(at, 4)).toBeGreaterThanOrEqual(0);
      }
      expect(pci.read(0)).toBe(identity);
      expect(pci.capabilities(MSIX).length).toBe(1);
    }),
    { numRuns: 300, seed: 1 },
  );
});

const msixWrite = (pci: PciFunction) => (at: number, value: number) => pci.fn.msix!.write(at, 4, value);
