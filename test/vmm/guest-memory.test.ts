// What the VMM reads and writes for a guest: only the guest's own RAM, whatever address it is given.
import fc from "fast-check";
import { expect, test } from "vitest";
import { RAM_START } from "../../assembly/layout.js";
import { Core } from "../../src/core/core.js";
import { GuestDmaPort, PlacedMemory } from "../../src/vmm/memory/guest-memory.js";
import { Placement } from "../../src/vmm/memory/placement.js";

fc.configureGlobal({ seed: 83 });

const MIB = 0x10_0000;
const RAM = 8 * MIB;

function world() {
  const placement = new Placement({ guests: [{ name: "a", ram: RAM }], chunk: 4 * MIB, vmmRam: 16 * MIB });
  const core = new Core(placement.ramSize, "flat");
  const memory = new PlacedMemory(core, placement, 0, RAM);
  let copied = 0;
  const port = new GuestDmaPort(memory, (bytes) => {
    copied += bytes;
  });
  return { core, placement, memory, port, copied: () => copied };
}

test("a copy across chunks lands in both of them", () => {
  const { core, memory } = world();
  const border = RAM_START + 4 * MIB;
  expect(memory.write(border - 2, Uint8Array.of(1, 2, 3, 4))).toBe(true);
  expect([...core.slice(border - 2, 2)]).toEqual([1, 2]);
  expect([...core.slice(RAM_START + 20 * MIB, 2)]).toEqual([3, 4]);
  const back = new Uint8Array(4);
  expect(memory.read(border - 2, back)).toBe(true);
  expect([...back]).toEqual([1, 2, 3, 4]);
});

test("no address outside reaches memory, and nothing is half done", () => {
  const { core, memory } = world();
  const before = core.ram.slice();
  const end = RAM_START + RAM;
  for (const gpa of [0, -1, RAM_START - 1, end - 1, end, 2 ** 41, 2 ** 64, Number.NaN, Infinity, RAM_START + 0.5]) {
    expect(memory.contains(gpa, 2)).toBe(false);
    expect(memory.pieces(gpa, 2)).toBeUndefined();
    expect(memory.write(gpa, Uint8Array.of(1, 2))).toBe(false);
    expect(memory.read(gpa, new Uint8Array(2))).toBe(false);
  }
  expect(memory.contains(RAM_START, -1)).toBe(false);
  expect(memory.contains(RAM_START, 2 ** 53)).toBe(false);
  expect(Buffer.compare(core.ram, before)).toBe(0);
});

test("pieces lie in the guest's own chunks and add up", () => {
  const { placement, memory } = world();
  const inside = fc.tuple(fc.integer({ min: 0, max: RAM - 1 }), fc.integer({ min: 1, max: RAM }));
  fc.assert(
    fc.property(inside, ([offset, wanted]) => {
      const length = Math.min(wanted, RAM - offset);
      const pieces = memory.pieces(RAM_START + offset, length)!;
      expect(pieces.reduce((sum, piece) => sum + piece.length, 0)).toBe(length);
      for (const { hpa, length: bytes } of pieces) {
        expect(placement.split(hpa, bytes).every(({ owner }) => owner === "a")).toBe(true);
      }
    }),
  );
});

test("a software model's DMA is checked, copied and counted; a refusal has the hub's cause", () => {
  const { port, memory, copied } = world();
  port.staging.set([7, 8, 9], 100);
  expect(port.write(RAM_START, 0, 3, 100)).toMatchObject({ ok: true, cause: 0, bytes: 3 });
  const bytes = new Uint8Array(3);
  memory.read(RAM_START, bytes);
  expect([...bytes]).toEqual([7, 8, 9]);
  expect(port.read(RAM_START, 0, 3).ok).toBe(true);
  expect(copied()).toBe(6);
  expect(port.read(RAM_START, 1, 3)).toMatchObject({ ok: false, cause: 5, bytes: 0 });
  expect(port.write(RAM_START + RAM - 1, 0, 2)).toMatchObject({ ok: false, cause: 7, bytes: 0 });
  expect(port.write(0xffff_ffff, 0xffff_ffff, 8).ok).toBe(false);
  expect(port.read(RAM_START, 0, port.staging.length + 1).ok).toBe(false);
  expect(copied()).toBe(6);
});
