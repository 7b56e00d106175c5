// HTIF by itself: the console's input, and commands that nobody knows.
import { expect, test } from "vitest";
import { Htif } from "../../src/devices/htif.js";
import { Console } from "../../src/platform/console.js";
import { EventQueue } from "../../src/platform/events.js";

const [TOHOST, FROMHOST] = [0x40, 0x48];

function setup() {
  const bytes = new Uint8Array(128);
  const words = new BigUint64Array(bytes.buffer);
  const console = new Console();
  let now = 0;
  const clock = new EventQueue(() => now, 1000);
  const codes: number[] = [];
  const memory = {
    read: (address: number, length: number) =>
      address + length <= bytes.length ? bytes.subarray(address, address + length) : undefined,
    write: (address: number, data: Uint8Array) => bytes.set(data, address),
  };
  const ports = { clock, console, memory, finish: (code: number) => codes.push(code) };
  const htif = new Htif(ports, { tohost: TOHOST, fromhost: FROMHOST });
  const command = (low: number, high: number) => {
    htif.write(0, 4, low);
    htif.write(4, 4, high);
    clock.runDue(now);
  };
  const pass = (cycles: number) => {
    now += cycles;
    clock.runDue(now);
  };
  return { words, console, codes, command, pass, htif };
}
const READ = 0x0100_0000;

test("a byte that a program asks for is given in fromhost when it is typed, once", () => {
  const { words, console, command, pass } = setup();
  command(0, READ);
  expect([words[8], words[9]]).toEqual([0n, 0n]);
  console.type("ab");
  pass(1_000_000);
  expect(words[9]).toBe(0x0100_0000_0000_0061n);
  words[9] = 0n;
  pass(1_000_000);
  expect(words[9]).toBe(0n);
});

test("commands and devices that nobody knows are taken, and do nothing", () => {
  const { words, codes, command, console } = setup();
  for (const high of [0x0102_0000, 0x0200_0000, 0xff01_0000]) command(0x41, high);
  command(0x1000, 0);
  expect([words[8], words[9], codes, console.text()]).toEqual([0n, 0n, [], ""]);
});

test("tohost reads as it was stored, in halves", () => {
  const { htif } = setup();
  htif.write(4, 4, 0x89ab_cdef);
  expect([htif.read(0, 4), htif.read(4, 4), htif.read(6, 2)]).toEqual([0, 0x89ab_cdef, 0x89ab]);
});
