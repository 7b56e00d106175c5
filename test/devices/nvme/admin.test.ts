// NVM Express Base Specification 1.4, "Admin Command Set".
import { expect, test } from "vitest";
import { nvme, ready } from "./setup.js";

const text = (bytes: Uint8Array, start: number, end: number) => String.fromCharCode(...bytes.subarray(start, end));
const enabled = (...args: Parameters<typeof nvme>) => {
  const made = nvme(...args);
  made.driver.enable();
  return made;
};
const DELETE_SQ = 0;
const CREATE_SQ = 1;
const DELETE_CQ = 4;
const CREATE_CQ = 5;
const IDENTIFY = 6;
const SET = 9;
const GET = 0xa;
const AER = 0xc;

test('Identify Controller: names, version, entry sizes, one namespace ("Identify Controller data structure")', () => {
  const { driver } = enabled({ serialNumber: "S1", mdts: 5 });
  const id = driver.identify(1);
  expect(text(id, 4, 24)).toBe("S1".padEnd(20));
  expect(text(id, 24, 64).trim()).toBe("Yado NVMe disk");
  expect(id[77]).toBe(5);
  expect(new DataView(id.buffer).getUint32(80, true)).toBe(0x0001_0400);
  expect(id[111]).toBe(1);
  expect([id[512], id[513]]).toEqual([0x66, 0x44]);
  expect(new DataView(id.buffer).getUint32(516, true)).toBe(1);
  expect(text(id, 768, 800)).toBe("nqn.2014-08.org.nvmexpress:uuid:");
});

test('Identify Namespace: size, capacity, one LBA format ("Identify Namespace data structure")', () => {
  const { driver } = enabled({ blockSize: 4096 }, {}, 0x10_0000);
  const id = driver.identify(0, 1);
  expect(new DataView(id.buffer).getBigUint64(0, true)).toBe(256n);
  expect(new DataView(id.buffer).getBigUint64(8, true)).toBe(256n);
  expect(id[25]).toBe(0);
  expect(id[130]).toBe(12);
});

test('active namespace list and namespace descriptors ("Identify command", CNS 02h and 03h)', () => {
  const { driver } = enabled();
  expect(driver.identify(2, 0).subarray(0, 8)).toEqual(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  expect(driver.identify(2, 1)[0]).toBe(0);
  const descriptors = driver.identify(3, 1);
  expect([descriptors[0], descriptors[1]]).toEqual([3, 16]);
  expect(text(descriptors, 4, 8)).toBe("Yado");
  expect(descriptors[20 + 1]).toBe(0);
});

test.each([
  ["namespace 0", 0, 0, 0x00b],
  ["namespace 2", 2, 0, 0x00b],
  ["every namespace", 0xffff_ffff, 0, 0x00b],
  ["a list behind FFFFFFFEh", 0xffff_fffe, 2, 0x00b],
  ["an unknown CNS", 1, 0x77, 0x002],
])("Identify of %s fails", (_, nsid, cdw10, status) => {
  const { driver, world } = enabled();
  const prp1 = world.memory.allocate(0x1000);
  expect(driver.admin({ opcode: IDENTIFY, nsid, prp1, cdw10 }).status).toBe(status);
});

test("Identify into a buffer that starts within a page uses PRP2 for the rest", () => {
  const { driver, world } = enabled();
  const first = world.memory.allocate(0x1000);
  const second = world.memory.allocate(0x1000);
  const whole = driver.identify(1);
  expect(driver.admin({ opcode: IDENTIFY, prp1: first + 0x800, prp2: second, cdw10: 1 }).status).toBe(0);
  expect(world.memory.slice(first + 0x800, 0x800)).toEqual(whole.subarray(0, 0x800));
  expect(world.memory.slice(second, 0x800)).toEqual(whole.subarray(0x800));
});

test('an unknown opcode fails for good: Invalid Command Opcode, DNR ("Status Field Definition")', () => {
  const { driver } = enabled();
  expect(driver.admin({ opcode: 0x7f })).toMatchObject({ status: 0x001, doNotRetry: true });
});

test.each([
  ["SGLs", 0x40],
  ["a fused operation", 0x01],
])("%s are refused with Invalid Field in Command", (_, flags) => {
  const { driver } = enabled();
  expect(driver.admin({ opcode: GET, flags, cdw10: 7 }).status).toBe(0x002);
});

test('Number of Queues tells what there is, once ("Number of Queues")', () => {
  const { driver } = enabled({ ioQueues: 4 });
  expect(driver.admin({ opcode: SET, cdw10: 7, cdw11: 0x003f_003f })).toMatchObject({ status: 0, result: 0x0003_0003 });
  expect(driver.admin({ opcode: SET, cdw10: 7, cdw11: 0xffff }).status).toBe(0x002);
  driver.createQueues(1);
  expect(driver.admin({ opcode: SET, cdw10: 7, cdw11: 0 }).status).toBe(0x00c);
  expect(driver.admin({ opcode: GET, cdw10: 7 })).toMatchObject({ status: 0, result: 0x0003_0003 });
});

test('features: current, default, saved, capabilities ("Get Features command", SEL)', () => {
  const { driver } = enabled();
  const SAVE = 0x8000_0000;
  expect(driver.admin({ opcode: SET, cdw10: 1, cdw11: 0x0102_0304 }).status).toBe(0);
  expect(driver.admin({ opcode: GET, cdw10: 1 }).result).toBe(0x0102_0304);
  expect(driver.admin({ opcode: GET, cdw10: 1 | (1 << 8) }).result).toBe(3);
  expect(driver.admin({ opcode: GET, cdw10: 1 | (2 << 8) }).result).toBe(3);
  expect(driver.admin({ opcode: GET, cdw10: 1 | (3 << 8) }).result).toBe(4);
  expect(driver.admin({ opcode: SET, cdw10: SAVE | 1, cdw11: 0 }).status).toBe(0x10d);
  expect(driver.admin({ opcode: GET, cdw10: 0x55 }).status).toBe(0x002);
  expect(driver.admin({ opcode: SET, nsid: 1, cdw10: 1 }).status).toBe(0x10f);
});

test("a reset brings features back to their defaults", () => {
  const { driver } = enabled();
  driver.admin({ opcode: SET, cdw10: 6, cdw11: 0 });
  driver.disable();
  driver.enable();
  expect(driver.admin({ opcode: GET, cdw10: 6 }).result).toBe(1);
});

test('a temperature threshold below the temperature warns, and raises an event if asked for ("Temperature Threshold")', () => {
  const { driver, world } = enabled({ temperature: 313 });
  driver.admin({ opcode: SET, cdw10: 0x0b, cdw11: 2 });
  driver.submit(0, { opcode: AER });
  world.run();
  driver.submit(0, { opcode: SET, cdw10: 4, cdw11: 300 });
  const results = driver.collect(0, 2).map((cqe) => cqe.result);
  expect(results).toContain(0x02_01_01);
  const smart = driver.log(2);
  expect(smart[0]).toBe(2);
  expect(smart[1] | (smart[2] << 8)).toBe(313);
});

test('SMART counts what was done ("SMART / Health Information")', () => {
  const { driver, world } = ready();
  const buffer = world.memory.allocate(0x1000);
  for (let i = 0; i < 3; i++) driver.execute(1, driver.transferSqe(2, 0, 8, buffer));
  driver.execute(1, driver.transferSqe(1, 0, 8, buffer));
  const view = new DataView(driver.log(2).buffer);
  expect(view.getUint32(32, true)).toBe(1);
  expect([view.getUint32(64, true), view.getUint32(80, true)]).toEqual([3, 1]);
});

test('the error log has the newest error first, and completions point to it ("Error Information")', () => {
  const { driver } = ready();
  driver.execute(1, { opcode: 2, nsid: 9, cid: 5 });
  const failed = driver.execute(1, { opcode: 2, nsid: 1, cid: 6, cdw10: 0x10_0000 });
  expect(failed).toMatchObject({ status: 0x080, more: true });
  const view = new DataView(driver.log(1, 128).buffer);
  expect(view.getUint32(0, true)).toBe(2);
  expect([view.getUint16(8, true), view.getUint16(10, true)]).toEqual([1, 6]);
  expect((view.getUint16(12, true) >>> 1) & 0x7ff).toBe(0x080);
  expect(view.getUint32(16, true)).toBe(0x10_0000);
  expect(view.getUint16(64 + 10, true)).toBe(5);
});

test('firmware slot 1 is active ("Firmware Slot Information")', () => {
  const { driver } = enabled();
  const page = driver.log(3);
  expect(page[0]).toBe(1);
  expect(text(page, 8, 16)).toBe("1.0".padEnd(8));
});

test("Get Log Page: unknown page, odd or distant offset, more than MDTS", () => {
  const { driver, world } = enabled();
  const prp1 = world.memory.allocate(0x1000);
  const log = (fields: object) => driver.admin({ opcode: 2, prp1, ...fields }).status;
  expect(log({ cdw10: 0x0f })).toBe(0x109);
  expect(log({ cdw10: 3, cdw12: 2 })).toBe(0x002);
  expect(log({ cdw10: 3, cdw12: 516 })).toBe(0x002);
  expect(log({ cdw10: 3, cdw11: 0xffff })).toBe(0x002);
  expect(log({ cdw10: 3, cdw12: 508 })).toBe(0);
});

test("Create I/O Completion Queue checks identifier, size, vector, contiguity, alignment", () => {
  const { driver, world } = enabled({ ioQueues: 4, queueEntries: 64 });
  const prp1 = world.memory.allocate(0x1000);
  const create = (id: number, entries: number, cdw11: number, at = prp1) =>
    driver.admin({ opcode: CREATE_CQ, prp1: at, cdw10: ((entries - 1) << 16) | id, cdw11 }).status;
  expect(create(0, 16, 1)).toBe(0x101);
  expect(create(5, 16, 1)).toBe(0x101);
  expect(create(1, 1, 1)).toBe(0x102);
  expect(create(1, 65, 1)).toBe(0x102);
  expect(create(1, 16, 1 | (1 << 16))).toBe(0x108);
  expect(create(1, 16, 0)).toBe(0x002);
  expect(create(1, 16, 1, prp1 + 64)).toBe(0x013);
  expect(create(1, 16, 1)).toBe(0);
  expect(create(1, 16, 1)).toBe(0x101);
});

test("Create I/O Submission Queue checks identifier, completion queue, size, contiguity, alignment", () => {
  const { driver, world } = enabled({ ioQueues: 4, queueEntries: 64 });
  const prp1 = world.memory.allocate(0x1000);
  driver.admin({ opcode: CREATE_CQ, prp1: world.memory.allocate(0x1000), cdw10: (15 << 16) | 1, cdw11: 1 });
  const create = (id: number, entries: number, cqid: number, contiguous = 1, at = prp1) =>
    driver.admin({ opcode: CREATE_SQ, prp1: at, cdw10: ((entries - 1) << 16) | id, cdw11: (cqid << 16) | contiguous })
      .status;
  expect(create(0, 16, 1)).toBe(0x101);
  expect(create(1, 16, 0)).toBe(0x101);
  expect(create(1, 16, 9)).toBe(0x101);
  expect(create(1, 16, 2)).toBe(0x100);
  expect(create(1, 65, 1)).toBe(0x102);
  expect(create(1, 16, 1, 0)).toBe(0x002);
  expect(create(1, 16, 1, 1, prp1 + 8)).toBe(0x013);
  expect(create(1, 16, 1)).toBe(0);
  expect(create(1, 16, 1)).toBe(0x101);
});

test('queues are deleted in order: submission queues first ("Delete I/O Completion Queue command")', () => {
  const { driver } = ready();
  expect(driver.admin({ opcode: DELETE_CQ, cdw10: 1 }).status).toBe(0x10c);
  expect(driver.admin({ opcode: DELETE_SQ, cdw10: 1 }).status).toBe(0);
  expect(driver.admin({ opcode: DELETE_SQ, cdw10: 1 }).status).toBe(0x101);
  expect(driver.admin({ opcode: DELETE_CQ, cdw10: 1 }).status).toBe(0);
  expect(driver.admin({ opcode: DELETE_CQ, cdw10: 0 }).status).toBe(0x101);
});

test('a fifth Asynchronous Event Request is one too many; Abort takes one back ("Abort command")', () => {
  const { driver, world } = enabled();
  for (let cid = 1; cid <= 4; cid++) driver.submit(0, { opcode: AER, cid });
  world.run();
  expect(driver.admin({ opcode: AER, cid: 5 }).status).toBe(0x105);
  driver.submit(0, { opcode: 8, cid: 6, cdw10: 3 << 16 });
  const [aborted, abort] = driver.collect(0, 2);
  expect(aborted).toMatchObject({ cid: 3, status: 0x007 });
  expect(abort).toMatchObject({ cid: 6, status: 0, result: 0 });
  expect(driver.admin({ opcode: 8, cdw10: 1 | (9 << 16) }).result).toBe(1);
});
