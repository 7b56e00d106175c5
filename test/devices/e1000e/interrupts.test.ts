// Intel 82574 GbE Controller Family Datasheet 3.4, "Interrupts", "Interrupt Moderation", "Clearing Interrupt Causes".
import { expect, test } from "vitest";
import {
  CTRL_EXT,
  EIAC,
  EITR,
  EOP,
  IAM,
  ICR,
  ICS,
  IDE,
  IFCS,
  IMC,
  IMS,
  ITR,
  IVAR,
  RADV,
  RDTR,
  RS,
  TIDV,
} from "../../support/e1000e-driver.js";
import { frame, Messages, microseconds, ready } from "./setup.js";

const ASSERTED = 0x8000_0000;
const [TXDW, TXQE, LSC, RXT0] = [1, 2, 4, 0x80];
const [RXQ0, TXQ0, OTHER] = [1 << 20, 1 << 22, 1 << 24];
const IAME = 1 << 27;
const EIAME = 1 << 24;
/** Vectors 0 for reception, 1 for transmission, 2 for other causes. */
const VECTORS = 0x8 | (0x9 << 8) | (0xa << 16);

test("an enabled cause drives the line until ICR is read ('Interrupt Cause Read Register')", () => {
  const { driver, world, cable } = ready();
  driver.write(IMS, RXT0);
  cable.arrive(frame());
  world.run();
  expect(world.line.level).toBe(true);
  expect(driver.read(ICR)).toBe((ASSERTED | RXT0) >>> 0);
  expect(world.line.level).toBe(false);
  expect(driver.read(ICR)).toBe(0);
});

test("a read clears causes that aren't enabled, too ('Read to Clear')", () => {
  const { driver } = ready();
  driver.write(IMS, LSC);
  driver.write(ICS, RXT0);
  expect([driver.read(ICR), driver.read(ICR)]).toEqual([RXT0, 0]);
});

test("with messages such a cause stays through a read while others are enabled", () => {
  const { driver } = ready({}, new Messages());
  driver.write(IMS, LSC);
  driver.write(ICS, RXT0);
  expect([driver.read(ICR), driver.read(ICR)]).toEqual([RXT0, RXT0]);
  driver.write(ICR, RXT0);
  expect(driver.read(ICR)).toBe(0);
});

test("with IAME, reading ICR masks what IAM names ('Interrupt Acknowledge Auto-Mask Register')", () => {
  const { driver, world } = ready();
  driver.write(CTRL_EXT, IAME);
  driver.write(IAM, 0xffff_ffff);
  driver.write(IMS, RXT0 | LSC);
  driver.write(ICS, LSC);
  driver.read(ICR);
  expect(driver.read(IMS)).toBe(0);
  driver.write(ICS, RXT0);
  expect(world.line.level).toBe(false);
  driver.write(IMS, RXT0);
  expect(world.line.level).toBe(true);
  driver.write(IMC, RXT0);
  expect(world.line.level).toBe(false);
});

test("written-back descriptors raise TXDW, and TXQE with the last", () => {
  const { driver, world } = ready();
  driver.legacy(frame());
  driver.ring();
  world.run();
  expect(driver.read(ICR)).toBe(TXDW | TXQE);
});

test("ITR keeps interrupts apart, in 256 ns ('Interrupt Throttling Register')", () => {
  const { driver, world } = ready();
  driver.write(ITR, 200);
  driver.write(IMS, RXT0);
  driver.write(ICS, RXT0);
  expect(world.line.level).toBe(true);
  driver.read(ICR);
  driver.write(ICS, RXT0);
  expect(world.line.level).toBe(false);
  world.pass(microseconds(51));
  expect(world.line.level).toBe(false);
  world.pass(microseconds(1));
  expect(world.line.level).toBe(true);
});

test("RDTR waits for silence, RADV not longer than it says ('Receive Interrupt Delay Timer', 'Absolute Delay Timer')", () => {
  const { driver, world, cable } = ready();
  driver.write(RDTR, 20);
  driver.write(RADV, 50);
  driver.write(IMS, RXT0);
  const when: number[] = [];
  cable.arrive(frame());
  world.run(() => world.line.level);
  when.push(world.time);
  driver.read(ICR);
  const began = world.time;
  for (let i = 0; i < 6 && !world.line.level; i++) {
    cable.arrive(frame());
    world.pass(microseconds(10));
  }
  world.run(() => world.line.level);
  expect(when[0]).toBeGreaterThan(microseconds(20));
  expect(when[0]).toBeLessThan(microseconds(23));
  expect(world.time - began).toBeGreaterThan(microseconds(50));
  expect(world.time - began).toBeLessThan(microseconds(61));
});

test("TIDV delays what has IDE, and its flush bit ends that ('Transmit Interrupt Delay Value')", () => {
  const { driver, world } = ready();
  driver.write(TIDV, 1000);
  driver.write(IMS, TXDW);
  driver.legacy(frame(), EOP | IFCS | RS | IDE);
  driver.ring();
  world.pass(microseconds(500));
  expect(world.line.level).toBe(false);
  driver.write(TIDV, 0x8000_0000 | 1000);
  expect(world.line.level).toBe(true);
});

test("an immediate interrupt stops TIDV ('Transmit Absolute Interrupt Delay Value')", () => {
  const { driver, world } = ready();
  driver.write(IMS, TXDW);
  driver.write(TIDV, 1000);
  driver.legacy(frame(), EOP | IFCS | RS | IDE);
  driver.legacy(frame(), EOP | IFCS | RS);
  driver.ring();
  world.run(() => world.line.level);
  expect(world.time).toBeLessThan(microseconds(1000));
  driver.read(ICR);
  world.run();
  expect(world.line.rises).toBe(1);
});

test("with MSI-X each cause has the vector that IVAR says ('Interrupt Vector Allocation Registers')", () => {
  const messages = new Messages();
  const { driver, world, cable } = ready({}, messages);
  driver.write(IVAR, VECTORS);
  driver.write(EIAC, RXQ0 | TXQ0);
  driver.write(IMS, RXQ0 | TXQ0 | OTHER | LSC);
  cable.arrive(frame());
  world.run();
  driver.legacy(frame());
  driver.ring();
  world.run();
  cable.plug(false);
  expect(messages.raised).toEqual([0, 1, 2]);
  expect(world.line.rises).toBe(0);
});

test("EIAC clears cause and mask as the message is sent ('Extended Interrupt Auto Clear')", () => {
  const messages = new Messages();
  const { driver } = ready({}, messages);
  driver.write(IVAR, VECTORS);
  driver.write(EIAC, RXQ0);
  driver.write(IMS, RXQ0 | TXQ0);
  driver.write(ICS, RXQ0);
  expect([driver.read(ICS), driver.read(IMS)]).toEqual([0, TXQ0]);
  driver.write(ICS, RXQ0);
  expect(messages.raised).toEqual([0]);
  driver.write(IMS, RXQ0);
  expect(messages.raised).toEqual([0, 0]);
});

test("with EIAME sending a message masks what IAM names", () => {
  const messages = new Messages();
  const { driver } = ready({}, messages);
  driver.write(IVAR, VECTORS);
  driver.write(CTRL_EXT, EIAME | IAME);
  driver.write(IAM, TXQ0);
  driver.write(IMS, TXQ0);
  driver.write(ICS, TXQ0);
  expect([driver.read(ICS), driver.read(IMS)]).toEqual([TXQ0, 0]);
});

test("EITR keeps a vector's messages apart ('Extended Interrupt Throttle')", () => {
  const messages = new Messages();
  const { driver, world } = ready({}, messages);
  driver.write(IVAR, VECTORS);
  driver.write(EIAC, RXQ0);
  driver.write(EITR, 400);
  const at: number[] = [];
  for (let i = 0; i < 3; i++) {
    driver.write(IMS, RXQ0);
    driver.write(ICS, RXQ0);
    const before = messages.raised.length;
    world.run(() => messages.raised.length > before);
    at.push(world.time);
    world.run(() => i < 2 || messages.raised.length === 3);
  }
  expect(messages.raised.length).toBe(3);
  expect(at[2]).toBeGreaterThanOrEqual(microseconds(204));
});

test("a vector that is invalid in IVAR gets nothing", () => {
  const messages = new Messages();
  const { driver } = ready({}, messages);
  driver.write(IVAR, 0x0707_0707);
  driver.write(IMS, RXQ0 | TXQ0 | OTHER);
  driver.write(ICS, RXQ0 | TXQ0 | LSC);
  expect(messages.raised).toEqual([]);
});
