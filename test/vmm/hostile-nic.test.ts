// assigned-rewrite of the network interface with a guest that writes anything into its rings and registers, the board's own controller
// behind: whatever the device is led to read or write is the guest's memory, or what the VMM keeps for that guest.
import fc from "fast-check";
import { expect, test } from "vitest";
import { RAM_START } from "../../assembly/layout.js";
import { E1000eController } from "../../src/devices/e1000e/controller.js";
import { NO_TIMES, PCIE_TIMES } from "../../src/devices/e1000e/parameters.js";
import { REGISTERS_BYTES, Rctl, Reg } from "../../src/devices/e1000e/registers.js";
import { E1000E_KIND } from "../../src/vmm/attach/e1000e-function.js";
import { E1000eShadow } from "../../src/vmm/attach/e1000e-shadow.js";
import { FakeLink } from "../support/fake-link.js";
import { BROADCAST, plain } from "../support/frames.js";
import { dword } from "../support/hostile.js";
import { BAR, fixture, MIB, PlainDma, plainFunction, same } from "./services.js";

const GUEST_BYTES = 8 * MIB;
const RX = RAM_START + 0x1000;
const TX = RAM_START + 0x2000;
const ENTRIES = 16;
/** The VMM's memory that is this guest's to use. */
const LENT = ["shadow ring of guest0", "refused frames of guest0"];

/** Addresses in the guest's RAM, at its edges, in the VMM's and the other guest's memory, and nowhere. */
const address = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: RAM_START, max: RAM_START + GUEST_BYTES - 1 }) },
  { weight: 2, arbitrary: fc.integer({ min: RAM_START, max: RAM_START + 32 * MIB }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...[
        RAM_START + 4 * MIB - 8,
        RAM_START + GUEST_BYTES - 8,
        RAM_START + GUEST_BYTES - 0x2000,
        0,
        2 ** 32 - 1,
        2 ** 40,
      ],
    ),
  },
);
const registers = fc.constantFrom(
  ...[Reg.RDBAL, Reg.RDBAH, Reg.RDLEN, Reg.RDH, Reg.RDT, Reg.TDBAL, Reg.TDBAH, Reg.TDLEN, Reg.TDH, Reg.TDT],
  ...[Reg.RDBAL + 0x100, Reg.RDLEN + 0x100, Reg.RDT + 0x100, Reg.TDBAL + 0x100, Reg.TDLEN + 0x100, Reg.TDT + 0x100],
  ...[Reg.RCTL, Reg.RFCTL, Reg.PSRCTL, Reg.TCTL, Reg.CTRL, Reg.CTRL_DUP, Reg.CTRL_EXT, Reg.MRQC, Reg.IVAR, Reg.ICR],
  ...[Reg.ICS, Reg.IMS, Reg.IMC, Reg.IAM, Reg.EIAC, Reg.RXCSUM, Reg.RDTR, Reg.TIDV, Reg.PBA, Reg.MDIC, Reg.EEWR],
);
const bufferSize = fc.constantFrom(0, 1 << 16, 3 << 16, Rctl.BSEX | (1 << 16), Rctl.BSEX | (3 << 16), Rctl.BSEX);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      address,
      length: fc.oneof(fc.nat(2000), fc.nat(0xf_ffff)),
      command: fc.constantFrom(0x0b, 0x2b, 0x2f, 0x20, 0x09, 0xff),
      special: dword,
      tail: fc.option(fc.nat(40), { freq: 6 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("supply" as const),
      addresses: fc.array(address, { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("arrive" as const), length: fc.integer({ min: 14, max: 9000 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("write" as const), register: registers, value: fc.oneof(dword, address) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("access" as const), offset: fc.nat(REGISTERS_BYTES - 1), value: dword }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("receive" as const), size: bufferSize, rfctl: fc.constantFrom(0, 0x8000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rings" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("run" as const), events: fc.nat(40) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function setup(software: boolean) {
  const f = fixture([8, 8]);
  const [memory, other] = f.memories;
  const dma = new PlainDma(f.vmm.core);
  const link = new FakeLink();
  let shadow: E1000eShadow | undefined;
  const irq = { set: (level: boolean) => level && shadow?.interrupt() };
  const times = software ? NO_TIMES : { ...PCIE_TIMES, autoNegotiation: 0 };
  const device = new E1000eController({ irq, dma, clock: f.events, link }, { times });
  f.bus.map(BAR, REGISTERS_BYTES, device);
  const fn = { ...plainFunction(), kind: E1000E_KIND };
  const made = new E1000eShadow(f.vmm, { name: "guest0", memory }, fn, { set: () => {} });
  shadow = made;
  made.reset();
  const put = (at: number, words: readonly number[]) =>
    memory.write(at, new Uint8Array(Uint32Array.from(words.map((word) => word >>> 0)).buffer));
  return { f, dma, link, shadow: made, other, put, tails: { send: 0, supply: 0 } };
}
type Setup = ReturnType<typeof setup>;
const split = (value: number) => [value % 2 ** 32, Math.floor(value / 2 ** 32)];

/** What an ordinary driver sets up. */
function rings({ shadow, tails }: Setup): void {
  for (const [base, at] of [
    [Reg.RDBAL, RX],
    [Reg.TDBAL, TX],
  ]) {
    [at, 0, 16 * ENTRIES].forEach((value, i) => {
      shadow.write(base + 4 * i, 4, value);
    });
    shadow.write(base + 0x10, 4, 0);
    shadow.write(base + 0x18, 4, 0);
  }
  Object.assign(tails, { send: 0, supply: 0 });
  shadow.write(Reg.TCTL, 4, 2);
  shadow.write(Reg.RCTL, 4, Rctl.EN | Rctl.UPE | Rctl.BAM | Rctl.LPE);
}

function play(s: Setup, each: Step): void {
  const { shadow, tails, put } = s;
  switch (each.do) {
    case "send": {
      const { address: at, length, command, special, tail } = each;
      const third = (command << 24) | (command & 0x20 ? (1 << 20) | length : length & 0xffff);
      put(TX + 16 * tails.send, [...split(at), third, special]);
      tails.send = (tails.send + 1) % ENTRIES;
      shadow.write(Reg.TDT, 4, tail ?? tails.send);
      break;
    }
    case "supply":
      for (const at of each.addresses) {
        put(RX + 16 * tails.supply, [...split(at), 0, 0]);
        tails.supply = (tails.supply + 1) % ENTRIES;
      }
      shadow.write(Reg.RDT, 4, tails.supply);
      break;
    case "arrive":
      s.link.arrive(plain(BROADCAST, each.length));
      break;
    case "write":
      shadow.write(each.register, 4, each.value >>> 0);
      break;
    case "access":
      shadow.write(each.offset, 4, each.value);
      shadow.read(each.offset, 4);
      break;
    case "receive":
      shadow.write(Reg.RFCTL, 4, each.rfctl);
      shadow.write(Reg.RCTL, 4, Rctl.EN | Rctl.UPE | Rctl.BAM | Rctl.LPE | each.size);
      break;
    case "rings":
      rings(s);
      break;
    case "run":
      for (let i = 0; i < each.events; i++) s.f.step();
      break;
  }
}

/** What the device named that isn't this guest's. */
function strangers({ f, dma }: Setup) {
  return dma.named.flatMap(({ address: at, length, write }) =>
    [at, at + Math.max(length, 1) - 1]
      .map((byte) => f.vmm.ownerOf(byte))
      .filter(({ owner, what }) => owner !== "guest0" && !(owner === "vmm" && LENT.includes(what)))
      .map(({ owner, what }) => `${write ? "write" : "read"} of ${length} at ${at.toString(16)}: ${owner}, ${what}`),
  );
}

test.each([false, true])("the device is led to nothing that isn't the guest's (times: %s)", (software) => {
  const s = setup(software);
  const canary = new Uint8Array(8 * MIB).fill(0x5a);
  s.other.write(RAM_START, canary);
  let [sent, named] = [0, 0];
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
      s.dma.named.length = 0;
      s.shadow.reset();
      rings(s);
      for (const each of steps) play(s, each);
      for (let i = 0; i < 2000; i++) s.f.step();
      expect(strangers(s)).toEqual([]);
      sent += s.link.sent.splice(0).length;
      named += s.dma.named.length;
    }),
    { numRuns: 150, seed: 8 },
  );
  expect(sent).toBeGreaterThan(60);
  expect(named).toBeGreaterThan(1000);
  const after = new Uint8Array(8 * MIB);
  s.other.read(RAM_START, after);
  expect(same(after, canary)).toBe(true);
});
