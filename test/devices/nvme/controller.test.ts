// NVM Express Base Specification 1.4: registers, initialization, shutdown, interrupts.
import { expect, test } from "vitest";
import { NO_TIMES } from "../../../src/devices/nvme/parameters.js";
import { Access } from "../../../src/platform/ports.js";
import { CC_ENABLE } from "../../support/nvme-driver.js";
import { nvme, nvmeOnInstantDisk, ready, readyOnInstantDisk } from "./setup.js";

const READ = 2;
const CSTS_RDY = 1;
const CSTS_CFS = 2;

test('CAP: MQES, CQR, TO, DSTRD 0, the NVM command set, MPSMIN 0 ("Controller Capabilities")', () => {
  const { driver } = nvme({ queueEntries: 256 });
  expect(driver.read(0x00) & 0xffff).toBe(255);
  expect((driver.read(0x00) >>> 16) & 1).toBe(1);
  expect(driver.read(0x00) >>> 24).toBeGreaterThan(0);
  expect(driver.read(0x04) & 0xf).toBe(0);
  expect((driver.read(0x04) >>> 5) & 0xff).toBe(1);
  expect((driver.read(0x04) >>> 16) & 0xf).toBe(0);
});

test('VS is 1.4; CMBLOC and CMBSZ are 0 ("Version", "Controller Memory Buffer Size")', () => {
  const { driver } = nvme();
  expect(driver.read(0x08)).toBe(0x0001_0400);
  expect(driver.read(0x38)).toBe(0);
  expect(driver.read(0x3c)).toBe(0);
});

test("narrow reads see parts of a register; narrow or odd writes are refused", () => {
  const { controller } = nvme();
  expect(controller.read(0x0a, 2)).toBe(0x0001);
  expect(controller.read(0x09, 1)).toBe(0x04);
  expect(controller.read(0x09, 4)).toBe(-1);
  expect(controller.write(0x14, 1, 1)).toBe(Access.Fault);
  expect(controller.write(0x16, 4, 1)).toBe(Access.Fault);
});

test('AQA, ASQ and ACQ hold what is written, and survive CC.EN = 0 ("Controller Level Reset")', () => {
  const { driver } = nvme();
  driver.enable();
  const before = [0x24, 0x28, 0x2c, 0x30, 0x34].map((offset) => driver.read(offset));
  driver.disable();
  expect([0x24, 0x28, 0x2c, 0x30, 0x34].map((offset) => driver.read(offset))).toEqual(before);
});

test('CSTS.RDY follows CC.EN after a while, both ways ("Controller Initialization")', () => {
  const { driver, world } = nvme();
  driver.enable();
  expect(world.time).toBe(15_000);
  driver.write(0x14, CC_ENABLE & ~1);
  expect(driver.status & CSTS_RDY).toBe(CSTS_RDY);
  world.pass(1_500);
  expect(driver.status & CSTS_RDY).toBe(0);
});

test.each([
  ["an unknown command set", CC_ENABLE | (1 << 4)],
  ["pages beyond MPSMAX", CC_ENABLE | (5 << 7)],
  ["weighted round robin", CC_ENABLE | (1 << 11)],
])('enabling with %s is fatal, and a reset heals it ("Controller Configuration")', (_, cc) => {
  const { driver } = nvme();
  expect(driver.enable(16, cc)).toBe(false);
  expect(driver.status & CSTS_CFS).toBe(CSTS_CFS);
  driver.disable();
  expect(driver.status).toBe(0);
  expect(driver.enable()).toBe(true);
});

test('an admin queue of one entry is fatal ("Admin Queue Attributes")', () => {
  const { driver } = nvme();
  expect(driver.enable(1)).toBe(false);
  expect(driver.status & CSTS_CFS).toBe(CSTS_CFS);
});

test("the controller works again after a reset with new queues", () => {
  const { driver, world } = ready();
  driver.disable();
  expect(driver.enable()).toBe(true);
  driver.createQueues(1);
  const buffer = world.memory.allocate(0x1000);
  expect(driver.execute(1, driver.transferSqe(READ, 0, 8, buffer)).status).toBe(0);
});

test('CC.SHN: CSTS.SHST goes to occurring and complete, and commands stay unfetched ("Controller Shutdown")', () => {
  const { driver, world, medium, controller } = ready();
  driver.write(0x14, CC_ENABLE | (1 << 14));
  expect((driver.status >>> 2) & 3).toBe(1);
  world.run(() => ((driver.status >>> 2) & 3) === 2);
  expect((driver.status >>> 2) & 3).toBe(2);
  expect(medium.counters.flushes).toBe(1);
  const { commands } = controller.counters;
  driver.submit(1, { opcode: 0, nsid: 1 });
  world.run();
  expect(controller.counters.commands).toBe(commands);
  driver.disable();
  expect(driver.status).toBe(0);
});

test("a reset drops what is in flight: no completion, no byte of it reaches memory any more", () => {
  const { driver, world, disk } = readyOnInstantDisk();
  const buffer = world.memory.allocate(0x1000);
  disk.hold = true;
  driver.submit(1, driver.transferSqe(READ, 0, 8, buffer));
  world.run();
  expect(disk.held.length).toBe(1);
  driver.disable();
  const writes = world.memory.writes;
  disk.release();
  world.run();
  expect(world.memory.writes).toBe(writes);
  expect(driver.peek(1)).toBeUndefined();
});

test('the pin rises with a completion and falls with the head doorbell ("Pin Based, Single MSI, and Multiple MSI Behavior")', () => {
  const { driver, world } = ready();
  driver.submit(1, { opcode: 0, nsid: 1 });
  driver.submit(1, { opcode: 0, nsid: 1 });
  world.run();
  expect(world.line.level).toBe(true);
  driver.take(1);
  expect(world.line.level).toBe(true);
  driver.take(1);
  expect(world.line.level).toBe(false);
});

test('INTMS masks the pin, INTMC gives it back, both read as the mask ("Interrupt Mask Set")', () => {
  const { driver, world } = ready();
  driver.write(0x0c, 1);
  driver.submit(1, { opcode: 0, nsid: 1 });
  world.run();
  expect(world.line.level).toBe(false);
  expect(driver.read(0x0c)).toBe(1);
  expect(driver.read(0x10)).toBe(1);
  driver.write(0x10, 1);
  expect(world.line.level).toBe(true);
  expect(driver.read(0x0c)).toBe(0);
});

test('a queue without interrupts never moves the pin ("Create I/O Completion Queue command", IEN)', () => {
  const { driver, world } = nvme();
  driver.enable();
  driver.createQueues(1, 16, false);
  const { rises } = world.line;
  driver.submit(1, { opcode: 0, nsid: 1 });
  world.run(() => driver.peek(1) !== undefined);
  world.run();
  expect(world.line.rises).toBe(rises);
});

test('coalescing waits for the threshold or the time ("Interrupt Coalescing")', () => {
  const { driver, world } = ready();
  const TIME_100_US = 1 << 8;
  driver.admin({ opcode: 9, cdw10: 8, cdw11: TIME_100_US | 2 });
  for (let i = 0; i < 2; i++) driver.submit(1, { opcode: 0, nsid: 1 });
  world.run(() => driver.peek(1) !== undefined);
  world.pass(15_000);
  expect(world.line.level).toBe(false);
  driver.submit(1, { opcode: 0, nsid: 1 });
  world.pass(15_000);
  expect(world.line.level).toBe(true);
  driver.collect(1, 3);
  expect(world.line.level).toBe(false);
  driver.submit(1, { opcode: 0, nsid: 1 });
  world.pass(140_000);
  expect(world.line.level).toBe(false);
  world.pass(30_000);
  expect(world.line.level).toBe(true);
});

test("doorbells before CSTS.RDY are ignored", () => {
  const { driver, controller, world } = nvme();
  driver.write(0x1000, 1);
  world.run();
  expect(controller.counters.doorbells).toBe(0);
});

test('a doorbell of no queue, or with a value out of range, becomes an error event, once per read of the log ("Asynchronous Event Request command")', () => {
  const { driver, world } = ready();
  driver.submit(0, { opcode: 0x0c });
  driver.submit(0, { opcode: 0x0c });
  world.run();
  driver.ringTail(1, 99);
  const [value] = driver.collect(0, 1);
  expect(value.result).toBe(0x01_01_00);
  driver.write(0x1000 + 9 * 8, 1);
  world.run();
  expect(driver.peek(0)).toBeUndefined();
  driver.log(1, 64);
  const [register] = driver.collect(0, 1);
  expect(register.result).toBe(0x01_00_00);
});

test("a tail that passes the head, and a head that passes the tail, are invalid values", () => {
  const { driver, controller, world } = ready();
  driver.ringHead(1, 1);
  expect(controller.counters.invalidDoorbells).toBe(1);
  driver.execute(1, { opcode: 0, nsid: 1 });
  driver.ringHead(1, 0);
  expect(controller.counters.invalidDoorbells).toBe(2);
  driver.ringTail(1, 0);
  world.run();
  driver.ringTail(1, 1);
  world.run();
  expect(driver.status).toBe(CSTS_RDY);
});

test('a submission queue entry out of reach is a fatal error ("Controller Fatal Status")', () => {
  const { driver, world } = ready();
  world.memory.hole(driver.queues.get(1)!.sq.base, 64);
  driver.submit(1, { opcode: 0, nsid: 1 });
  world.run();
  expect(driver.status & CSTS_CFS).toBe(CSTS_CFS);
  driver.disable();
  expect(driver.enable()).toBe(true);
});

test("a completion queue entry out of reach is a fatal error", () => {
  const { driver, world } = ready();
  world.memory.hole(driver.queues.get(1)!.cq.base, 16);
  driver.submit(1, { opcode: 0, nsid: 1 });
  world.run();
  expect(driver.status & CSTS_CFS).toBe(CSTS_CFS);
});

test("without times, a command is complete when its doorbell write returns: the VMM's software model", () => {
  const { driver, world, disk } = readyOnInstantDisk({ times: NO_TIMES });
  const buffer = world.memory.allocate(0x1000);
  driver.submit(1, driver.transferSqe(READ, 0, 8, buffer));
  expect(driver.peek(1)?.status).toBe(0);
  expect(world.line.level).toBe(true);
  expect(disk.requests.length).toBe(1);
});

test("power-on state comes back with reset()", () => {
  const { driver, controller, world } = ready();
  driver.submit(1, { opcode: 0, nsid: 1 });
  world.run();
  controller.reset();
  expect([0x14, 0x1c, 0x24, 0x28, 0x30].map((offset) => driver.read(offset))).toEqual([0, 0, 0, 0, 0]);
  expect(world.line.level).toBe(false);
});

test("the same run gives the same cycles", () => {
  const run = () => {
    const { driver, world } = nvmeOnInstantDisk();
    driver.enable();
    driver.createQueues(1);
    const buffer = world.memory.allocate(0x1_0000);
    for (let i = 0; i < 8; i++) driver.push(1, driver.transferSqe(READ, i * 16, 16, buffer + i * 0x2000));
    driver.ringTail(1);
    driver.collect(1, 8);
    return world.time;
  };
  expect(run()).toBe(run());
});
