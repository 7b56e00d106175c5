// Where the writes of a device without translation go, by owner.
import { expect, test } from "vitest";
import { RAM_START } from "../../assembly/layout.js";
import type { DmaPort } from "../../src/platform/ports.js";
import { Landing } from "../../src/scenario/landing.js";
import { Placement } from "../../src/vmm/memory/placement.js";
import type { GuestMemory } from "../../src/vmm/types.js";

const MIB = 0x10_0000;
const PAGE = 0x1000;

test("pages that agree are merged; a page is intended where guest and physical address are the same", () => {
  const placement = new Placement({ guests: [{ name: "a", ram: 8 * MIB }], chunk: 4 * MIB, vmmRam: 16 * MIB });
  const pieces: GuestMemory["pieces"] = (gpa, length) =>
    gpa >= RAM_START && gpa < RAM_START + 8 * MIB ? placement.runsOf(0, gpa - RAM_START, length) : undefined;
  const landing = new Landing(placement, () => ({ pieces }) as GuestMemory);
  const staging = new Uint8Array(PAGE);
  const done = (length: number) => ({ ok: true, cause: 0, bytes: length, cycles: 0 });
  const port: DmaPort = {
    staging,
    view: new DataView(staging.buffer),
    read: (_lo, _hi, length) => done(length),
    write: (lo, _hi, length) => done(lo === 1 ? 0 : length),
  };
  const seen = landing.observe(port);
  seen.write(RAM_START + 16, 0, 100);
  seen.write(RAM_START + 16, 0, 100);
  seen.write(RAM_START + 4 * MIB - 10, 0, 20 + PAGE);
  seen.write(1, 0, 50);
  seen.read(RAM_START + 6 * MIB, 0, 100);
  expect(landing.landed()).toEqual([
    { start: RAM_START, bytes: 200, pages: 1, owner: "a", what: "RAM", intended: true },
    { start: RAM_START + 4 * MIB - PAGE, bytes: 10, pages: 1, owner: "a", what: "RAM", intended: true },
    { start: RAM_START + 4 * MIB, bytes: 10 + PAGE, pages: 2, owner: "vmm", what: "unused", intended: false },
  ]);
});
