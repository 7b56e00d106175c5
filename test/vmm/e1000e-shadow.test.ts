// assigned-rewrite of the network interface: what reaches the device's rings of what the guest put into its own.
import { expect, test } from "vitest";
import { RAM_START } from "../../assembly/layout.js";
import { REGISTERS_BYTES, Rctl, Reg } from "../../src/devices/e1000e/registers.js";
import { Access } from "../../src/platform/ports.js";
import { E1000eShadow } from "../../src/vmm/attach/e1000e-shadow.js";
import { E1000E_KIND } from "../../src/vmm/attach/e1000e-function.js";
import { readU32 } from "../../src/vmm/memory/words.js";
import { BAR, fixture, MIB, plainFunction } from "./services.js";

const RING = RAM_START + 0x1000;
const BUFFER = RAM_START + 5 * MIB;
const OUTSIDE = RAM_START + 64 * MIB;

/** A guest of 8 MiB in pieces, and a device that only remembers its registers. */
function setup() {
  const { vmm, bus, memories } = fixture([8, 8]);
  const registers = new Map<number, number>();
  bus.map(BAR, REGISTERS_BYTES, {
    read: (offset) => registers.get(offset) ?? 0,
    write: (offset, _size, value) => {
      registers.set(offset, value);
      return Access.Ok;
    },
    reset: () => {},
  });
  const memory = memories[1];
  const fn = { ...plainFunction(), kind: E1000E_KIND };
  const line = { level: false };
  const irq = { set: (level: boolean) => Object.assign(line, { level }) };
  const shadow = new E1000eShadow(vmm, { name: "guest1", memory }, fn, irq);
  const descriptor = (index: number, address: number, third = 0) => {
    const view = new DataView(new ArrayBuffer(16));
    view.setUint32(0, address % 2 ** 32, true);
    view.setUint32(4, Math.floor(address / 2 ** 32), true);
    view.setUint32(8, third, true);
    memory.write(RING + index * 16, new Uint8Array(view.buffer));
  };
  const ring = (base: number) => {
    shadow.write(base, 4, RING);
    shadow.write(base + 8, 4, 128);
  };
  /** A dword of the ring that the device was given. */
  const given = (base: number, index: number, word = 0) => readU32(vmm.core, registers.get(base)! + index * 16 + word);
  return { vmm, memory, registers, shadow, descriptor, ring, given, line };
}

const physical = (s: ReturnType<typeof setup>, gpa: number) => s.memory.pieces(gpa, 1)![0].hpa;

test("a receive buffer's address is replaced; one that isn't the guest's, or not wholly, becomes nobody's", () => {
  const s = setup();
  s.descriptor(0, BUFFER);
  s.descriptor(1, OUTSIDE);
  s.descriptor(2, RAM_START + 8 * MIB - 1024);
  s.ring(Reg.RDBAL);
  s.shadow.write(Reg.RDT, 4, 3);
  const bin = s.given(Reg.RDBAL, 1);
  expect(s.given(Reg.RDBAL, 0)).toBe(physical(s, BUFFER));
  expect(s.given(Reg.RDBAL, 2)).toBe(bin);
  expect(s.vmm.ownerOf(bin)).toMatchObject({ owner: "vmm", what: "refused frames of guest1" });
  expect(s.shadow.counters).toMatchObject({ addressesRewritten: 1, addressesRejected: 2 });
  expect(s.registers.get(Reg.RDT)).toBe(3);
});

test("of a frame to send whose address isn't the guest's, nothing is sent", () => {
  const s = setup();
  s.descriptor(0, BUFFER, 0x0b00_0040);
  s.descriptor(1, OUTSIDE, 0x0b00_0040);
  s.ring(Reg.TDBAL);
  s.shadow.write(Reg.TDT, 4, 2);
  expect([s.given(Reg.TDBAL, 0), s.given(Reg.TDBAL, 0, 8)]).toEqual([physical(s, BUFFER), 0x0b00_0040]);
  expect([s.given(Reg.TDBAL, 1), s.given(Reg.TDBAL, 1, 8)]).toEqual([0, 0x0b00_0000]);
});

test("larger buffers than those that were checked are taken from the device before it may fill them", () => {
  const s = setup();
  s.descriptor(0, BUFFER);
  s.ring(Reg.RDBAL);
  s.shadow.write(Reg.RDT, 4, 1);
  s.shadow.write(Reg.RCTL, 4, Rctl.EN | Rctl.BSEX | (1 << 16));
  expect(s.vmm.ownerOf(s.given(Reg.RDBAL, 0))).toMatchObject({ owner: "vmm" });
});

test("the guest reads its own addresses, and a ring beyond the largest is none", () => {
  const s = setup();
  s.ring(Reg.TDBAL);
  expect(s.shadow.read(Reg.TDBAL, 4)).toBe(RING);
  expect(s.vmm.ownerOf(s.registers.get(Reg.TDBAL)!)).toMatchObject({ owner: "vmm" });
  s.shadow.write(Reg.TDLEN, 4, 0xf_ff80);
  s.shadow.write(Reg.TDT, 4, 5000);
  expect([s.registers.get(Reg.TDLEN), s.registers.get(Reg.TDT)]).toEqual([0, 0]);
});

test("the interrupt's cause is cleared by reading, and masks itself with IAME ('Interrupt Cause Read Register')", () => {
  const s = setup();
  s.shadow.write(Reg.CTRL_EXT, 4, 1 << 27);
  s.shadow.write(Reg.IAM, 4, 0x80);
  s.shadow.write(Reg.IMS, 4, 0x81);
  s.registers.set(Reg.ICR, 0x80);
  s.shadow.interrupt();
  expect(s.line.level).toBe(true);
  expect(s.shadow.read(Reg.ICR, 4)).toBe(0x8000_0080);
  expect([s.shadow.read(Reg.ICR, 4), s.shadow.read(Reg.IMS, 4), s.line.level]).toEqual([0, 1, false]);
});
