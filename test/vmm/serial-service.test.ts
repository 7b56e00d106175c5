// The VMM's serial service over its driver and the model of a physical 16550A. PC16550D data sheet, "FIFO Interrupt Mode
// Operation".
import { expect, test } from "vitest";
import { SerialLine } from "../../src/backends/serial-line.js";
import { Uart16550 } from "../../src/devices/uart16550.js";
import { Console } from "../../src/platform/console.js";
import { UART } from "../../src/platform/memory-map.js";
import { lineRate } from "../../src/platform/serial.js";
import { SerialService } from "../../src/vmm/serial-service.js";
import { fixture } from "./services.js";

const FREQUENCY = 1.5e9;
const CHARACTER = Math.round((10 * FREQUENCY) / 115_200);

function setup(guests: number, baud = 115_200) {
  const { vmm, bus, events, handlers, step } = fixture();
  const rate = lineRate(baud);
  const console = new Console((byte) => end.receive(byte));
  const interrupt = () => handlers.get(UART.irq)?.();
  const uart = new Uart16550({
    irq: { set: (level) => level && events.after(1500, interrupt) },
    clock: events,
    console,
    inputClock: rate.clock,
  });
  bus.map(UART.start, UART.size, uart);
  const type = (bytes: Uint8Array) => {
    console.type(bytes);
    uart.poll();
  };
  const end = new SerialLine({ now: () => events.now(), channels: guests, shared: guests > 1, type });
  const service = new SerialService(vmm, { ...UART, rate }, guests > 1);
  vmm.onInterrupt(UART.irq, () => void service.driver.interrupt());
  service.driver.start();
  const ports = Array.from({ length: guests }, (_, i) => {
    const booked = { works: 0 };
    const handed: number[] = [];
    const port = service.open(
      (work) => {
        booked.works++;
        work();
      },
      (byte) => handed.push(byte),
    );
    const got: number[] = [];
    end.channels[i].onByte = (byte) => got.push(byte);
    return { port, booked, handed, got };
  });
  const settle = () => {
    while (step()) {}
  };
  return { service, uart, end, ports, settle, step, events };
}

/** A guest that sends `bytes` as fast as its port takes them. */
function feed(port: ReturnType<typeof setup>["ports"][number]["port"], bytes: readonly number[]): void {
  const left = [...bytes];
  const go = () => {
    while (left.length > 0 && port.room!() > 0) port.write(left.shift()!);
    if (left.length > 0) port.whenRoom!(go);
  };
  go();
}

const count = (n: number, from = 0) => Array.from({ length: n }, (_, i) => (from + i) & 0xff);

test("characters leave in order and one right behind the other, sixteen for an interrupt", () => {
  const { service, end, ports, settle } = setup(1);
  feed(ports[0].port, count(1024));
  settle();
  expect(ports[0].got).toEqual(count(1024));
  const { sent } = end.channels[0];
  expect(sent.at(1023) - sent.at(0)).toBe(1023 * CHARACTER);
  expect(service.driver.counters.sent).toBe(1024);
  expect(service.driver.counters.interrupts).toBeLessThan(1024 / 16 + 4);
});

test("the divisor is the driver's: at another rate the line takes another time", () => {
  const { end, ports, settle } = setup(1, 9600);
  feed(ports[0].port, count(20));
  settle();
  const { sent } = end.channels[0];
  expect(sent.at(19) - sent.at(0)).toBe((19 * 10 * FREQUENCY) / 9600);
});

test("a port takes no more than the line has room for, and isn't empty before the FIFO is", () => {
  const { ports, settle } = setup(1);
  const { port } = ports[0];
  for (let i = 0; i < 100 && port.room!() > 0; i++) port.write(i);
  expect(ports[0].handed.length).toBe(32);
  expect(port.empty!()).toBe(false);
  settle();
  expect(port.empty!()).toBe(true);
  expect(ports[0].got).toEqual(count(32));
});

test("guests that share a line get as much of it each, and each its own characters at the other end", () => {
  const { end, ports, settle } = setup(3);
  for (const { port } of ports) feed(port, count(640));
  settle();
  expect(ports.map(({ got }) => got)).toEqual(Array(3).fill(count(640)));
  const last = end.channels.map(({ sent }) => sent.at(639));
  expect(Math.max(...last) - Math.min(...last)).toBeLessThan(3 * 70 * CHARACTER);
});

test("a guest that sends without end doesn't keep another from its one character", () => {
  const { end, ports, step } = setup(2);
  feed(ports[0].port, count(4000));
  ports[1].port.write(0x21);
  while (ports[1].got.length === 0 && step()) {}
  expect(ports[1].got).toEqual([0x21]);
  expect(end.channels[0].sent.count).toBeLessThan(64 + 32);
});

test("all that is handed over at one moment is charged once, to whom it belongs", () => {
  const { ports, settle } = setup(2);
  const { port } = ports[0];
  for (const byte of count(10)) port.write(byte);
  settle();
  expect(port.counters).toMatchObject({ sent: 10, handovers: 1 });
  expect(ports.map(({ booked }) => booked.works)).toEqual([11, 0]);
});

test("what is typed at one guest comes to it alone; what it never takes is lost beyond a bound", () => {
  const { end, ports, settle } = setup(2);
  end.type(1, Uint8Array.from(count(300)));
  settle();
  const { port } = ports[1];
  expect(Array.from({ length: 301 }, () => port.take())).toEqual([...count(300), -1]);
  expect(ports[0].port.take()).toBe(-1);
  end.type(0, new Uint8Array(5000));
  settle();
  expect(ports[0].port.counters).toMatchObject({ received: 4096, lost: 904 });
});
