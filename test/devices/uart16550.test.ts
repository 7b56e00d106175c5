// PC16550D data sheet
import { expect, test } from "vitest";
import { Uart16550 } from "../../src/devices/uart16550.js";
import { Console } from "../../src/platform/console.js";
import { EventQueue } from "../../src/platform/events.js";

const FREQUENCY = 1.5e9;
/** 10 bits at 115,200 baud. */
const CHARACTER = Math.round((10 * FREQUENCY) / 115_200);
const [RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7];
const [DATA_READY, OVERRUN, THRE, TEMT] = [1, 2, 0x20, 0x40];

function line(inputClock = 3_686_400, sendsAtOnce = false) {
  const clock = { now: 0 };
  const events = new EventQueue(() => clock.now, FREQUENCY);
  const irq = { level: false };
  const terminal = new Console();
  const uart = new Uart16550({
    irq: {
      set: (level) => {
        irq.level = level;
      },
    },
    clock: events,
    console: terminal,
    inputClock,
    sendsAtOnce,
  });
  const pass = (cycles: number) => {
    clock.now += cycles;
    events.runDue(clock.now);
  };
  return {
    uart,
    irq,
    terminal,
    pass,
    read: (r: number) => uart.read(r, 1),
    write: (r: number, v: number) => uart.write(r, 1, v),
  };
}

test("a character takes ten bit times on the line at 115,200 baud, and THR is free as soon as it shifts", () => {
  const { read, write, terminal, pass } = line();
  write(RBR, 0x41);
  expect(read(LSR)).toBe(THRE);
  pass(CHARACTER - 1);
  expect(terminal.text()).toBe("");
  pass(1);
  expect(terminal.text()).toBe("A");
  expect(read(LSR)).toBe(THRE | TEMT);
});

test("divisor, parity and stop bits change the time of a character", () => {
  const { uart, read, write } = line();
  write(LCR, 0x83);
  write(RBR, 24);
  write(IER, 0);
  expect(read(RBR)).toBe(24);
  write(LCR, 0x03);
  expect(uart.characterCycles()).toBe((10 * FREQUENCY) / 9600);
  write(LCR, 0x0f);
  expect(uart.characterCycles()).toBe((12 * FREQUENCY) / 9600);
});

test("with FIFOs 16 characters wait behind the one that shifts; one more is lost", () => {
  const { read, write, terminal, pass } = line();
  write(IIR, 1);
  for (let i = 0; i < 18; i++) write(RBR, 0x61 + i);
  expect(read(LSR) & THRE).toBe(0);
  for (let i = 0; i < 20; i++) pass(CHARACTER);
  expect(terminal.text()).toBe("abcdefghijklmnopq");
});

test("THR-empty interrupts when enabled, is dropped by reading IIR, and comes back when THR empties", () => {
  const { irq, read, write, pass } = line();
  write(IER, 2);
  expect(irq.level).toBe(true);
  expect(read(IIR)).toBe(2);
  expect(irq.level).toBe(false);
  expect(read(IIR)).toBe(1);
  write(RBR, 1);
  read(IIR);
  write(RBR, 2);
  expect(irq.level).toBe(false);
  pass(CHARACTER);
  expect(irq.level).toBe(true);
});

test("received data interrupts by trigger level, or by time-out after four characters' silence", () => {
  const { uart, irq, read, write, pass } = line();
  write(IIR, 0x41);
  write(IER, 1);
  for (const byte of [1, 2, 3]) uart.receive(byte);
  expect(irq.level).toBe(false);
  pass(4 * CHARACTER);
  expect(read(IIR)).toBe(0xcc);
  uart.receive(4);
  expect(read(IIR)).toBe(0xc4);
  expect([1, 2, 3, 4].map(() => read(RBR))).toEqual([1, 2, 3, 4]);
  expect(read(IIR)).toBe(0xc1);
  expect(read(LSR) & DATA_READY).toBe(0);
});

test("overrun: the FIFO keeps its 16, a bare RBR is overwritten; LSR tells once, with an interrupt", () => {
  const { uart, irq, read, write } = line();
  write(IIR, 1);
  for (let i = 0; i < 17; i++) uart.receive(i);
  write(IER, 4);
  expect(irq.level).toBe(true);
  expect(read(IIR) & 0xf).toBe(6);
  expect(read(LSR) & OVERRUN).toBe(OVERRUN);
  expect(read(LSR) & OVERRUN).toBe(0);
  expect(read(RBR)).toBe(0);
  write(IIR, 0);
  uart.receive(1);
  uart.receive(2);
  expect(read(LSR) & OVERRUN).toBe(OVERRUN);
  expect(read(RBR)).toBe(2);
});

test("typed input comes in one character time after another", () => {
  const { uart, read, write, terminal, pass } = line();
  write(IER, 1);
  terminal.type("hi");
  uart.poll();
  expect(read(LSR) & DATA_READY).toBe(0);
  pass(CHARACTER);
  expect(read(RBR)).toBe(0x68);
  pass(CHARACTER);
  expect(read(RBR)).toBe(0x69);
});

test("typed input waits until software enables its interrupt or keeps looking, and for room: nothing is lost", () => {
  const { uart, read, write, terminal, pass } = line();
  terminal.type("abcdefghijklmnopqrstuvwxyz");
  uart.poll();
  pass(30 * CHARACTER);
  write(IIR, 7);
  expect(read(LSR) & DATA_READY).toBe(0);
  write(IER, 1);
  for (let i = 0; i < 30; i++) pass(CHARACTER);
  write(IER, 0);
  const got = [];
  for (let i = 0; i < 1000; i++) {
    if (read(LSR) & DATA_READY) got.push(read(RBR));
    else pass(CHARACTER);
  }
  expect(String.fromCharCode(...got)).toBe("abcdefghijklmnopqrstuvwxyz");
});

test("loopback: output comes back as input, modem outputs as modem inputs, nothing leaves", () => {
  const { read, write, terminal, pass } = line();
  read(MSR);
  write(MCR, 0x10 | 0x0a);
  expect(read(MSR) & 0xf0).toBe(0x90);
  expect(read(MSR) & 0x0f).toBe(0);
  write(RBR, 0x55);
  pass(CHARACTER);
  expect(read(RBR)).toBe(0x55);
  expect(terminal.text()).toBe("");
});

test("drain sends what waits, and the events that would have sent it do nothing", () => {
  const { uart, write, terminal, pass } = line();
  write(IIR, 1);
  for (const byte of [0x61, 0x62, 0x63]) write(RBR, byte);
  uart.drain();
  pass(10 * CHARACTER);
  expect(terminal.text()).toBe("abc");
});

test("without an input clock (a software model) characters take no time", () => {
  const { uart, read, write, terminal } = line(0);
  for (const byte of [0x6f, 0x6b]) write(RBR, byte);
  expect(terminal.text()).toBe("ok");
  expect(read(LSR)).toBe(THRE | TEMT);
  write(IER, 1);
  terminal.type("x");
  uart.poll();
  expect(read(RBR)).toBe(0x78);
});

test("a line that sends at once still receives at its own rate", () => {
  const { uart, read, write, terminal, pass } = line(3_686_400, true);
  write(RBR, 0x61);
  expect(terminal.text()).toBe("a");
  expect(read(LSR)).toBe(THRE | TEMT);
  write(IER, 1);
  terminal.type("x");
  uart.poll();
  pass(CHARACTER - 1);
  expect(read(LSR) & DATA_READY).toBe(0);
  pass(1);
  expect(read(RBR)).toBe(0x78);
});

test("scratch keeps a byte; reset forgets", () => {
  const { uart, read, write } = line();
  write(SCR, 0xa5);
  expect(read(SCR)).toBe(0xa5);
  uart.reset();
  expect(read(SCR)).toBe(0);
});

test("a model without a line of its own waits for its console's room, and is empty when that is", () => {
  const clock = { now: 0 };
  const events = new EventQueue(() => clock.now, FREQUENCY);
  const waiting: (() => void)[] = [];
  const console = { got: "", room: 2, empty: false };
  const uart = new Uart16550({
    irq: { set: () => {} },
    clock: events,
    console: {
      write: (byte) => {
        console.got += String.fromCharCode(byte);
        console.room--;
      },
      take: () => -1,
      room: () => console.room,
      whenRoom: (action) => waiting.push(action),
      empty: () => console.empty,
    },
    inputClock: 0,
  });
  uart.write(IIR, 1, 1);
  for (const byte of [0x61, 0x62, 0x63, 0x64, 0x65]) uart.write(RBR, 1, byte);
  expect([console.got, uart.read(LSR, 1) & (THRE | TEMT), waiting.length]).toEqual(["ab", 0, 1]);
  console.room = 2;
  waiting.shift()?.();
  expect([console.got, uart.read(LSR, 1) & (THRE | TEMT), waiting.length]).toEqual(["abcd", THRE, 1]);
  console.room = 9;
  waiting.shift()?.();
  expect([console.got, uart.read(LSR, 1) & (THRE | TEMT)]).toEqual(["abcde", THRE]);
  console.empty = true;
  expect(uart.read(LSR, 1) & (THRE | TEMT)).toBe(THRE | TEMT);
  expect(uart.accepted).toBe(5);
});
