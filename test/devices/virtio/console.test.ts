// Virtual I/O Device (VIRTIO) Version 1.2, "Console Device".
import { describe, expect, test } from "vitest";
import { VirtioConsole } from "../../../src/devices/virtio/console.js";
import { NO_TIMES } from "../../../src/devices/virtio/dma-times.js";
import { Console } from "../../../src/platform/console.js";
import { nanoseconds, World } from "../../support/world.js";
import { behind, TRANSPORTS, type Transport } from "./net-setup.js";

const TIMES = { dmaRead: 1000, dmaWrite: 500, linkBandwidth: 8e9 };

function started(transport: Transport = "mmio", times = TIMES) {
  const world = new World();
  const console = new Console();
  const device = new VirtioConsole({ clock: world.events, console }, times);
  const driver = behind(transport, world, device);
  const start = () => {
    driver.negotiate(0);
    driver.setUp(0, 8);
    driver.setUp(1, 8);
    driver.set(driver.registers.Status, 15);
  };
  start();
  const { memory } = world;
  return {
    ...{ world, console, device, driver, start },
    supply(length: number): number {
      const address = memory.allocate(length);
      driver.add(0, [{ address, length, writable: true }]);
      driver.notify(0);
      return address;
    },
    print(...texts: string[]): void {
      const buffers = texts.map((text) => {
        const address = memory.allocate(text.length, 1);
        memory.slice(address, text.length).set(new TextEncoder().encode(text));
        return { address, length: text.length };
      });
      driver.add(1, buffers);
      driver.notify(1);
    },
    text: (address: number, length: number) => new TextDecoder().decode(memory.slice(address, length)),
  };
}

describe.each(TRANSPORTS)("on %s, 'Device Operation'", (transport) => {
  test("characters of the transmitq appear, and the buffer comes back", () => {
    const { world, console, driver, print } = started(transport);
    print("two ", "pieces\n");
    print("and more");
    world.run();
    expect(console.text()).toBe("two pieces\nand more");
    expect([driver.take(1), driver.take(1)]).toEqual([
      { head: 0, length: 0 },
      { head: 2, length: 0 },
    ]);
    expect(driver.acknowledge() & 1).toBe(1);
  });

  test("what is typed comes into buffers of the receiveq, and waits for them", () => {
    const { world, console, device, driver, supply, text } = started(transport);
    console.type("typed before");
    const first = supply(5);
    world.run();
    expect([driver.take(0)?.length, text(first, 5)]).toEqual([5, "typed"]);
    const second = supply(100);
    const third = supply(100);
    console.type("then");
    device.poll();
    world.run();
    expect([driver.take(0)?.length, driver.take(0)?.length, driver.take(0)]).toEqual([7, 4, undefined]);
    expect(text(second, 7) + text(third, 4)).toBe(" beforethen");
  });
});

test("nothing typed is lost while there is no driver ('Device Initialization')", () => {
  const { world, console, device, driver, start, supply, text } = started();
  driver.set(driver.registers.Status, 0);
  console.type("early");
  device.poll();
  start();
  const buffer = supply(10);
  world.run();
  expect(text(buffer, 5)).toBe("early");
});

test("emerg_wr prints a character, whatever the state ('Device configuration layout')", () => {
  const { console, driver, device } = started();
  driver.set(driver.registers.Status, 0);
  driver.write(0x100 + 8, 0x21);
  expect(device.features).toBe(1 << 2);
  expect(console.text()).toBe("!");
});

test("a long buffer goes out piece by piece, at the link's rate", () => {
  const { world, console, driver, print } = started();
  print("a".repeat(10_000));
  world.run(() => console.written > 0);
  expect([console.written, nanoseconds(world.time)]).toEqual([4096, 1000]);
  world.run(() => driver.usedIndex(1) === 1);
  expect([console.written, nanoseconds(world.time)]).toEqual([10_000, 1000 + 2 * 4096]);
});

test("time goes on while a model without times of its own prints what names gigabytes", () => {
  const { world, device, driver } = started("mmio", NO_TIMES);
  const { base, bytes } = world.memory;
  driver.add(
    1,
    Array.from({ length: 8 }, () => ({ address: base, length: bytes.length })),
  );
  driver.notify(1);
  world.pass(10_000);
  expect(device.counters.sent).toBe(3 * 4096);
});

test("buffers that can't be reached are given back, and what was typed for them is lost", () => {
  const { world, console, device, driver } = started();
  driver.add(0, [{ address: 0x10, length: 10, writable: true }]);
  driver.add(1, [{ address: 0x10, length: 10 }]);
  console.type("lost");
  driver.notify(0);
  driver.notify(1);
  world.run();
  expect([driver.take(0), driver.take(1), device.counters.faults]).toEqual([
    { head: 0, length: 0 },
    { head: 0, length: 0 },
    2,
  ]);
});

test("a reset ends what is under way", () => {
  const { world, console, driver, print } = started();
  print("a".repeat(10_000));
  world.run(() => console.written > 0);
  driver.set(driver.registers.Status, 0);
  world.run();
  expect(console.written).toBe(4096);
});

test("a console without room is waited for, and the buffer comes back when it has taken everything", () => {
  const world = new World();
  const behindIt = { got: "", room: 3, waiting: [] as (() => void)[] };
  const console = {
    write: (byte: number) => {
      behindIt.got += String.fromCharCode(byte);
      behindIt.room--;
    },
    take: () => -1,
    room: () => behindIt.room,
    whenRoom: (action: () => void) => behindIt.waiting.push(action),
  };
  const device = new VirtioConsole({ clock: world.events, console }, NO_TIMES);
  const driver = behind("mmio", world, device);
  driver.negotiate(0);
  driver.setUp(0, 8);
  driver.setUp(1, 8);
  driver.set(driver.registers.Status, 15);
  const address = world.memory.allocate(5, 1);
  world.memory.slice(address, 5).set(new TextEncoder().encode("abcde"));
  driver.add(1, [{ address, length: 5 }]);
  driver.notify(1);
  world.run();
  expect([behindIt.got, driver.take(1)]).toEqual(["abc", undefined]);
  behindIt.room = 10;
  behindIt.waiting.shift()?.();
  world.run();
  expect([behindIt.got, driver.take(1)?.head]).toEqual(["abcde", 0]);
});
