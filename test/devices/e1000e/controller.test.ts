// Intel 82574 GbE Controller Family Datasheet 3.4, "Driver Programing Interface", "Initialization".
import { expect, test } from "vitest";
import { CTRL, CTRL_RST, ICR, IMS, RAL, RDT, STATUS, TDT } from "../../support/e1000e-driver.js";
import { e1000e, MAC, microseconds, ready } from "./setup.js";

const LSC = 1 << 2;
const LU = 1 << 1;

test("the NVM holds the address, and its words sum to 0xBABA ('NVM Checksum Word')", () => {
  const { driver } = e1000e();
  const words = Array.from({ length: 64 }, (_, i) => driver.nvm(i));
  expect(words.reduce((sum, word) => sum + word, 0) & 0xffff).toBe(0xbaba);
  expect(words.slice(0, 3).flatMap((word) => [word & 0xff, word >>> 8])).toEqual(MAC);
});

test("a word beyond the NVM is never done ('EEPROM Read Register')", () => {
  const { driver } = e1000e();
  driver.write(0x14, (64 << 2) | 1);
  expect(driver.read(0x14) & 2).toBe(0);
});

test("the first receive address comes from the NVM, also after a software reset ('Receive Address Low')", () => {
  const { driver } = e1000e();
  driver.write(RAL, 0);
  driver.write(CTRL, CTRL_RST);
  expect(driver.read(RAL)).toBe(0x1200_5452);
  expect(driver.read(RAL + 4)).toBe(0x8000_5634);
  expect(driver.read(CTRL) & CTRL_RST).toBe(0);
});

test("a software reset takes rings and masks back, and leaves the link ('Software Reset')", () => {
  const { driver } = ready();
  driver.write(IMS, 0x84);
  driver.write(CTRL, CTRL_RST);
  expect([driver.read(TDT), driver.read(RDT), driver.read(IMS)]).toEqual([0, 0, 0]);
  expect(driver.read(STATUS) & LU).toBe(LU);
});

test("the PHY answers at address 1 as the 82574's ('PHY Identifier Register')", () => {
  const { driver } = e1000e();
  const READY = 1 << 28;
  expect([driver.phy(2) & 0xffff, driver.phy(3) & 0xffff]).toEqual([0x0141, 0x0cb1]);
  expect(driver.phy(2) & READY).toBe(READY);
  driver.write(0x20, (2 << 26) | (2 << 21) | (2 << 16));
  expect(driver.read(0x20) & (1 << 30)).toBe(1 << 30);
});

test("auto-negotiation takes the link down and up again, and says so ('Auto-Negotiation')", () => {
  const { driver, world } = e1000e();
  expect(driver.phy(1) & 0x24).toBe(0x24);
  driver.setPhy(0, 0x1340);
  expect(driver.read(STATUS) & LU).toBe(0);
  expect(driver.read(ICR) & LSC).toBe(LSC);
  world.pass(microseconds(10_000));
  expect(driver.read(STATUS) & LU).toBe(LU);
  expect(driver.read(ICR) & LSC).toBe(LSC);
  expect(driver.phy(1) & 0x24).toBe(0x20); // a lost link is reported once
  expect(driver.phy(1) & 0x24).toBe(0x24);
});

test("a cable pulled and plugged in is a link status change ('Link Status Change')", () => {
  const { driver, world, cable } = e1000e();
  driver.write(IMS, LSC);
  cable.plug(false);
  expect(world.line.level).toBe(true);
  expect(driver.read(STATUS) & LU).toBe(0);
  driver.read(ICR);
  expect(world.line.level).toBe(false);
  cable.plug(true);
  world.pass(microseconds(10_000));
  expect(driver.read(STATUS) & LU).toBe(LU);
  expect(world.line.level).toBe(true);
});

test.each([
  [1e7, 0],
  [1e8, 1],
  [1e9, 2],
])("a link of %i bit/s has speed %i ('Device Status Register')", (speed, field) => {
  const { driver, cable } = e1000e();
  cable.speed = speed;
  expect((driver.read(STATUS) >>> 6) & 3).toBe(field);
});

test("the software semaphore is taken by reading it as 0 ('Software Semaphore Register')", () => {
  const { driver } = e1000e();
  expect([driver.read(0x5b50) & 1, driver.read(0x5b50) & 1]).toEqual([0, 1]);
  driver.write(0x5b50, 0);
  expect(driver.read(0x5b50) & 1).toBe(0);
});

test("registers are accessed as aligned dwords, and what isn't there reads as 0", () => {
  const { controller } = e1000e();
  expect(controller.read(STATUS, 2)).toBe(-1);
  expect(controller.read(0x1_fffc, 4)).toBe(0);
  expect(controller.write(0x1_fffc, 4, 1)).toBe(0);
});
