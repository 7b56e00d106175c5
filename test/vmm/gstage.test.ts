// RISC-V Privileged Architecture, "Guest Physical Address Translation": the tables, read by the hart's own walker.
import { expect, test } from "vitest";
import { Csr } from "../../assembly/isa/csr.js";
import { Mode } from "../../assembly/isa/privilege.js";
import { RAM, RAM_START } from "../../assembly/layout.js";
import { Core } from "../../src/core/core.js";
import { GStage, LARGE_PAGE, RAM_RIGHTS } from "../../src/vmm/memory/gstage.js";
import { Placement } from "../../src/vmm/memory/placement.js";

const MIB = 0x10_0000;
const PAGE = 0x1000;

function world() {
  const placement = new Placement({ guests: [{ name: "a", ram: 8 * MIB }], chunk: 4 * MIB, vmmRam: 16 * MIB });
  const core = new Core(placement.ramSize, "flat");
  const stage = new GStage({ core, allocate: (...request) => placement.allocate(...request) }, "tables");
  const walk = (gpa: number) => {
    core.setCsr(Csr.hgatp, stage.atp(1));
    core.setCsr(Csr.vsatp, 0n);
    core.exports.flushTranslations();
    const found = core.exports.probe(gpa % 0x1_0000_0000, Math.floor(gpa / 0x1_0000_0000), Mode.S, 1);
    return found === 0 ? undefined : found - RAM + RAM_START;
  };
  return { placement, core, stage, walk };
}

test("hgatp holds mode Sv39x4, the VMID and the page number of a root of 16 KiB", () => {
  const { stage } = world();
  expect(stage.root % 0x4000).toBe(0);
  expect(stage.atp(5)).toBe((8n << 60n) | (5n << 44n) | BigInt(stage.root / PAGE));
});

test.each([PAGE, LARGE_PAGE])("maps and unmaps pages of %i bytes", (size) => {
  const { stage, walk } = world();
  const hpa = RAM_START + 2 * LARGE_PAGE + (size === PAGE ? 3 * PAGE : 0);
  const gpa = 0x1_8000_0000;
  stage.map(gpa, hpa, size, size, RAM_RIGHTS);
  expect(walk(gpa)).toBe(hpa);
  expect(walk(gpa + size - 1)).toBe(hpa + size - 1);
  expect(walk(gpa + size)).toBeUndefined();
  stage.unmap(gpa, size, size);
  expect(walk(gpa)).toBeUndefined();
});

test("the highest of 41 bits is within reach, one page more isn't", () => {
  const { stage, walk } = world();
  const last = 2 ** 41 - PAGE;
  stage.map(last, RAM_START, PAGE, PAGE, RAM_RIGHTS);
  expect(walk(last)).toBe(RAM_START);
  expect(() => stage.map(last, RAM_START, 2 * PAGE, PAGE, RAM_RIGHTS)).toThrow(RangeError);
});

test("our own misuse throws: misalignment, other sizes, a small page inside a large one", () => {
  const { stage } = world();
  stage.map(0x8000_0000, RAM_START, LARGE_PAGE, LARGE_PAGE, RAM_RIGHTS);
  expect(() => stage.map(0x8000_0000, RAM_START, PAGE, PAGE, RAM_RIGHTS)).toThrow(/larger page/);
  expect(() => stage.map(0x1000, RAM_START, LARGE_PAGE, LARGE_PAGE, RAM_RIGHTS)).toThrow(RangeError);
  expect(() => stage.map(0, RAM_START + 1, PAGE, PAGE, RAM_RIGHTS)).toThrow(RangeError);
  expect(() => stage.map(0, RAM_START, 0x4000_0000, 0x4000_0000, RAM_RIGHTS)).toThrow(RangeError);
});
