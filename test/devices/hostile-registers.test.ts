// Software writes anything into the registers of what isn't a bus master, while lines and characters come and go: bounded work for each
// access, and what is signalled follows from the registers.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Aclint } from "../../src/devices/aclint.js";
import { Aplic } from "../../src/devices/aplic.js";
import { GoldfishRtc } from "../../src/devices/goldfish-rtc.js";
import { Plic } from "../../src/devices/plic.js";
import { Uart16550 } from "../../src/devices/uart16550.js";
import { Console } from "../../src/platform/console.js";
import type { MmioDevice } from "../../src/platform/ports.js";
import { dword, HostileWorld, width } from "../support/hostile.js";
import { FREQUENCY } from "../support/world.js";

const RUNS = { numRuns: 150, seed: 10 };
const SECOND = FREQUENCY;
const SOURCES = 96;
const HARTS = 2;

/** Naturally aligned accesses, as the bus passes them on. */
const accessOf = (offsets: fc.Arbitrary<number>) =>
  fc
    .record({ offset: offsets, size: width, write: fc.boolean(), value: dword })
    .map(({ offset, size, ...rest }) => ({ offset: offset - (offset % size), size, ...rest }));
type Access = ReturnType<typeof accessOf> extends fc.Arbitrary<infer T> ? T : never;

function access(device: MmioDevice, { offset, size, write, value }: Access): void {
  const fitting = size === 4 ? value : value & ((1 << (8 * size)) - 1);
  if (write) device.write(offset, size, fitting);
  else {
    const read = device.read(offset, size);
    expect(read).toBeGreaterThanOrEqual(-1);
    expect(read).toBeLessThan(2 ** (8 * size));
  }
}

/** The bits that are set in words of registers. */
const bit = (words: readonly number[], source: number) => ((words[source >>> 5] ?? 0) >>> (source & 31)) & 1;

test("UART: characters leave no faster than the line, and every event is one of theirs", () => {
  const step = fc.record({
    access: accessOf(fc.oneof(fc.nat(7), fc.nat(0xff))),
    typed: fc.nat(20),
    pass: fc.oneof(fc.nat(1000), fc.nat(SECOND / 1000)),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), (steps) => {
      const world = new HostileWorld();
      const console = new Console();
      const uart = new Uart16550({ irq: world.irq, clock: world.clock, console, inputClock: 3_686_400 });
      for (const { access: each, typed, pass } of steps) {
        console.type("x".repeat(typed));
        // nothing on the line is shorter than a start bit, five of data and a stop bit at 230,400 baud
        const characters = Math.ceil(pass / ((7 * FREQUENCY) / 230_400));
        const before = console.written;
        world.step({ dma: 0, events: 8 + 4 * characters }, () => access(uart, each), pass);
        expect(console.written - before).toBeLessThanOrEqual(characters + 1);
      }
    }),
    RUNS,
  );
});

test("UART without a line: each access does a character's work", () => {
  fc.assert(
    fc.property(fc.array(accessOf(fc.nat(7)), { maxLength: 100 }), (accesses) => {
      const world = new HostileWorld();
      const console = new Console();
      const uart = new Uart16550({ irq: world.irq, clock: world.clock, console, inputClock: 0 });
      console.type("x".repeat(100));
      for (const each of accesses) {
        const before = console.written;
        world.step({ dma: 0, events: 8 }, () => access(uart, each), 100);
        expect(console.written - before).toBeLessThanOrEqual(1);
      }
    }),
    RUNS,
  );
});

test("RTC: an alarm at most is under way", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(accessOf(fc.nat(0x40)), fc.nat(SECOND)), { maxLength: 60 }), (steps) => {
      const world = new HostileWorld();
      const rtc = new GoldfishRtc({ irq: world.irq, clock: world.clock }, 1_700_000_000);
      for (const [each, pass] of steps) world.step({ dma: 0, events: 4 }, () => access(rtc, each), pass);
    }),
    RUNS,
  );
});

test("ACLINT: software interrupts are the bits that were written", () => {
  const offsets = fc.oneof(fc.nat(0x20), fc.integer({ min: 0x3ff0, max: 0x4020 }), fc.nat(0xffff));
  fc.assert(
    fc.property(fc.array(accessOf(offsets), { maxLength: 60 }), (accesses) => {
      const raised = new Array<boolean>(HARTS).fill(false);
      const compare = { read: () => 0, write: () => {} };
      const harts = raised.map((_, hart) => ({
        software: {
          set: (level: boolean) => {
            raised[hart] = level;
          },
        },
        compare,
      }));
      const aclint = new Aclint({ harts, ticks: () => 2 ** 40 });
      for (const each of accesses) access(aclint, each);
      expect(raised).toEqual(raised.map((_, hart) => aclint.read(4 * hart, 4) === 1));
    }),
    RUNS,
  );
});

test("PLIC: a context is notified if a source above its threshold waits, and a claim takes the highest", () => {
  const offsets = fc.oneof(
    fc.nat(4 * SOURCES),
    fc.integer({ min: 0x2000, max: 0x2220 }),
    fc
      .constantFrom(0, 1, 2, 3)
      .chain((context) => fc.constantFrom(0, 4, 8).map((at) => 0x20_0000 + 0x1000 * context + at)),
    fc.nat(0x3f_ffff),
  );
  const step = fc.record({
    access: accessOf(offsets).map((each) => ({ ...each, value: each.value & 0x7f })),
    line: fc.option(fc.tuple(fc.integer({ min: 1, max: SOURCES }), fc.boolean())),
    claim: fc.option(fc.nat(3)),
  });
  const CONTEXTS = 4;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const outputs = new Array<boolean>(CONTEXTS).fill(false);
      const plic = new Plic({
        sources: SOURCES,
        contexts: CONTEXTS,
        output: (at, level) => {
          outputs[at] = level;
        },
      });
      const words = (from: number) => [0, 1, 2, 3].map((word) => plic.read(from + 4 * word, 4));
      /** Sources that wait for a context, with their priorities. */
      const waiting = (context: number) => {
        const [pending, enabled] = [words(0x1000), words(0x2000 + 0x80 * context)];
        const sources = Array.from({ length: SOURCES }, (_, i) => i + 1);
        const there = sources.filter((source) => bit(pending, source) & bit(enabled, source));
        return there.map((source) => ({ source, priority: plic.read(4 * source, 4) }));
      };
      for (const { access: each, line, claim } of steps) {
        access(plic, each);
        if (line) plic.setLevel(...line);
        if (claim !== null) {
          const highest = Math.max(0, ...waiting(claim).map(({ priority }) => priority));
          const expected = waiting(claim).find(({ priority }) => priority === highest && priority > 0)?.source ?? 0;
          expect(plic.claim(claim)).toBe(expected);
        }
        for (let context = 0; context < CONTEXTS; context++) {
          const threshold = plic.read(0x20_0000 + 0x1000 * context, 4);
          expect(outputs[context]).toBe(waiting(context).some(({ priority }) => priority > threshold));
        }
      }
    }),
    { ...RUNS, numRuns: 60 },
  );
});

const aplicAccess = accessOf(
  fc.oneof(
    fc.nat(0x1b0),
    fc.integer({ min: 0x1bc0, max: 0x2010 }),
    fc.integer({ min: 0x3000, max: 0x4060 }),
    fc.nat(0x7fff),
  ),
);
const wire = fc.option(fc.tuple(fc.integer({ min: 1, max: SOURCES }), fc.boolean()));

test("APLIC by messages: no more for an access than there are sources", () => {
  const step = fc.record({ access: aplicAccess, supervisor: fc.boolean(), wire });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      let sent = 0;
      const aplic = new Aplic({
        sources: SOURCES,
        harts: HARTS,
        message: () => {
          sent++;
        },
      });
      for (const each of steps) {
        sent = 0;
        access(each.supervisor ? aplic.supervisor : aplic.machine, each.access);
        if (each.wire) aplic.setLevel(...each.wire);
        expect(sent).toBeLessThanOrEqual(SOURCES + 1);
      }
    }),
    RUNS,
  );
});

test("APLIC by lines: a claim finds something if the line is up, and goes on finding no longer than sources wait", () => {
  const step = fc.record({ access: aplicAccess, supervisor: fc.boolean(), wire });
  const [IDC, CLAIMI] = [0x4000, 0x1c];
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const raised = new Set<string>();
      const output = (level: string, hart: number, on: boolean) =>
        void (on ? raised.add(`${level} ${hart}`) : raised.delete(`${level} ${hart}`));
      const aplic = new Aplic({ sources: SOURCES, harts: HARTS, output });
      for (const each of steps) {
        access(each.supervisor ? aplic.supervisor : aplic.machine, each.access);
        if (each.wire) aplic.setLevel(...each.wire);
      }
      for (let source = 1; source <= SOURCES; source++) aplic.setLevel(source, false);
      for (const level of ["machine", "supervisor"] as const) {
        for (let hart = 0; hart < HARTS; hart++) {
          const claim = () => aplic[level].read(IDC + 32 * hart + CLAIMI, 4);
          // iforce gives one spurious interrupt; an inverted level waits for ever
          for (let left = SOURCES + 1; left > 0 && raised.has(`${level} ${hart}`); left--) claim();
        }
      }
    }),
    RUNS,
  );
});
