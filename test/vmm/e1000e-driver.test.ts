// The VMM's own driver on the 82574L's model, over a wire (Intel 82574 GbE Controller Family Datasheet 3.4, "Initialization",
// "Interrupt Moderation", "Device Status Register").
import { expect, test } from "vitest";
import { Wire, type WireParameters } from "../../src/backends/network/wire.js";
import { E1000eController } from "../../src/devices/e1000e/controller.js";
import { DmaPool } from "../../src/vmm/dma-pool.js";
import { E1000eDriver } from "../../src/vmm/e1000e-driver.js";
import type { ThrottleSetting } from "../../src/vmm/interrupt-throttle.js";
import { BAR, fixture, PlainDma, plainFunction } from "./services.js";

const FRAME = 1514;

function setup(parameters: Partial<WireParameters> = {}, interrupts?: ThrottleSetting) {
  const f = fixture();
  const wire = new Wire(f.events, parameters);
  let driver: E1000eDriver | undefined;
  let asked = false;
  const ask = () => {
    asked = false;
    driver?.interrupt();
  };
  const irq = {
    set: (level: boolean) => {
      if (!level || asked) return;
      asked = true;
      f.events.after(0, ask);
    },
  };
  const dma = new PlainDma(f.vmm.core);
  f.bus.map(BAR, 0x2_0000, new E1000eController({ irq, dma, clock: f.events, link: wire.a }), "pcie");
  const made = new E1000eDriver(f.vmm, plainFunction(), new DmaPool(f.vmm), { interrupts });
  made.start(f.step);
  driver = made;
  const run = () => {
    while (f.step());
  };
  /** Frames of `length` bytes from the other end, as fast as the wire takes them. */
  const stream = (count: number, length: number) => {
    let left = count;
    const next = () => {
      if (left-- > 0) wire.b.send(new Uint8Array(length), next);
    };
    next();
    run();
  };
  return { ...f, wire, driver: made, run, stream };
}

test.each([10e6, 100e6, 1e9])("the link's speed is what the PHY has agreed on: %d bit/s", (bandwidth) => {
  expect(setup({ bandwidth }).driver.speed).toBe(bandwidth);
});

test.each([
  [10e6, 4],
  [100e6, 4],
  [1e9, 22],
])(
  "at %d bit/s %d long frames are let into the ring: a few on a slow wire, a quarter of a millisecond on a fast one",
  (bandwidth, most) => {
    const { driver } = setup({ bandwidth });
    let taken = 0;
    for (; driver.room && taken < 200; taken++) driver.send(new Uint8Array(FRAME));
    expect(taken).toBe(most);
  },
);

test.each([10e6, 100e6, 1e9])("a wire of %d bit/s never runs dry while there are frames to send", (bandwidth) => {
  const { driver, wire, run, events } = setup({ bandwidth });
  let left = 300;
  let last = 0;
  wire.b.attach({ receive: () => (last = events.now()), linkChanged: () => {} });
  const fill = () => {
    for (; left > 0 && driver.room; left--) driver.send(new Uint8Array(FRAME));
    driver.kick();
    driver.wantRoom(left > 0);
  };
  driver.events = { received: () => {}, room: fill, linkChanged: () => {} };
  const begin = events.now();
  fill();
  run();
  const seconds = (last - begin) / events.frequency;
  const ideal = (300 * (FRAME + 24) * 8) / bandwidth;
  expect(seconds / ideal).toBeLessThan(1.02);
});

test("interrupts: one a frame without a limit, 4,000 a second with it, 20,000 left to the driver at a gigabit", () => {
  const interrupts = ([0, 4000, "adaptive"] as const).map((setting) => {
    const { driver, stream } = setup({}, setting);
    stream(1000, FRAME);
    expect(driver.counters.received).toBe(1000);
    return driver.counters.interrupts;
  });
  const milliseconds = (1000 * (FRAME + 24) * 8) / 1e6;
  expect(interrupts[0]).toBe(1000);
  expect(interrupts[1]).toBeLessThanOrEqual(4 * milliseconds + 2);
  expect(interrupts[2]).toBeLessThanOrEqual(20 * milliseconds + 2);
});

test("a frame that comes alone is there at once, whatever the limit", () => {
  const { driver, wire, events, run } = setup({}, 4000);
  let at = 0;
  driver.events = { received: () => (at = events.now()), room: () => {}, linkChanged: () => {} };
  const begin = events.now();
  wire.b.send(new Uint8Array(60), () => {});
  run();
  expect(((at - begin) / events.frequency) * 1e6).toBeLessThan(10);
});

test("the driver hears that the link goes and comes, and with which speed", () => {
  const { driver, wire, run } = setup({ bandwidth: 100e6 });
  const heard: boolean[] = [];
  driver.events = { received: () => {}, room: () => {}, linkChanged: (up) => heard.push(up) };
  wire.setUp(false);
  run();
  wire.setUp(true);
  run();
  expect([heard, driver.up, driver.speed]).toEqual([[false, true], true, 100e6]);
});
