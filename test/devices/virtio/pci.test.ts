// Virtual I/O Device (VIRTIO) Version 1.2, "Virtio Over PCI Bus".
import fc from "fast-check";
import { expect, test } from "vitest";
import { generatedBytes } from "../../../src/backends/disk-image.js";
import { EVENT_IDX, INDIRECT_DESC } from "../../support/virtio-driver.js";
import { sameBytes } from "../../support/world.js";
import { blkOnPcie, structure } from "./setup.js";

const [IN, OK] = [0, 0];
const NO_VECTOR = 0xffff;
const [ENABLE, FUNCTION_MASK] = [0x8000, 0x4000];
const [CONFIG_VECTOR, NUM_QUEUES, STATUS, QUEUE_SELECT, QUEUE_SIZE, QUEUE_VECTOR, QUEUE_ENABLE, NOTIFY_OFF] = [
  0x10, 0x12, 0x14, 0x16, 0x18, 0x1a, 0x1c, 0x1e,
];
const contents = generatedBytes(0x10_0000, 1);

/** Reads sector 5; whether it arrived. */
function readsSector({ driver, world }: ReturnType<typeof blkOnPcie>, queue = 0): boolean {
  const address = world.memory.allocate(0x1000);
  const { buffers, status } = driver.blockRequest(IN, 5, [{ address, length: 512, writable: true }]);
  driver.addIndirect(queue, buffers);
  driver.notify(queue);
  return (
    driver.byte(status) === OK &&
    driver.take(queue)?.length === 513 &&
    sameBytes(world.memory.slice(address, 512), contents.subarray(5 * 512, 6 * 512))
  );
}

test('device id 0x1040 + type, revision 1, no transitional id ("PCI Device Discovery")', () => {
  const { pci } = blkOnPcie();
  expect(pci.read(0)).toBe(0x1042_1af4);
  expect(pci.read(8, 1)).toBe(1);
  expect(pci.read(0x2e, 2)).toBeGreaterThanOrEqual(0x40);
});

test.each([
  ["common configuration", 1, 16, 0x38],
  ["notifications", 2, 20, 2],
  ["ISR status", 3, 16, 1],
  ["device-specific configuration", 4, 16, 60],
  ["PCI configuration access", 5, 20, 0],
])('a capability tells of %s ("Virtio Structure PCI Capabilities")', (_, type, bytes, least) => {
  const { pci } = blkOnPcie();
  const at = structure(pci, type);
  expect(pci.read(at + 2, 1)).toBe(bytes);
  expect(pci.read(at + 12)).toBeGreaterThanOrEqual(least);
  expect(pci.read(at + 8) % 4).toBe(0);
});

test("the driver that works over MMIO works over PCI, down to the bytes", () => {
  const made = blkOnPcie();
  made.driver.start();
  expect(readsSector(made)).toBe(true);
});

test('a request interrupts by the pin, and reading the ISR status ends that ("ISR status capability")', () => {
  const made = blkOnPcie();
  const { driver, world, pci } = made;
  driver.start();
  readsSector(made);
  expect(world.line.level).toBe(true);
  expect(pci.read(6, 2) & 8).toBe(8);
  expect([driver.acknowledge(), driver.acknowledge()]).toEqual([1, 0]);
  expect(world.line.level).toBe(false);
  expect(pci.read(6, 2) & 8).toBe(0);
});

test('with MSI-X each queue has its message, and neither pin nor ISR is touched ("MSI-X Vector Configuration")', () => {
  const made = blkOnPcie({ queues: 2 });
  const { driver, device, pci, world } = made;
  pci.entry(2, { lo: 0x2800_0000, hi: 1, data: 33 });
  pci.messageControl(ENABLE);
  driver.negotiate(INDIRECT_DESC);
  driver.setUp(0, 16);
  driver.setUp(1, 16);
  device.write(QUEUE_VECTOR, 2, 2);
  driver.set(driver.registers.Status, 15);
  expect(readsSector(made, 1)).toBe(true);
  expect(pci.sent).toEqual([{ lo: 0x2800_0000, hi: 1, data: 33 }]);
  expect(readsSector(made, 0)).toBe(true); // no vector: no interrupt
  expect(pci.sent.length).toBe(1);
  expect(world.line.level).toBe(false);
  expect(driver.acknowledge()).toBe(0);
});

test("a message that is masked is pending, and is sent when it is let go", () => {
  const made = blkOnPcie();
  const { driver, device, pci } = made;
  pci.entry(1, { lo: 0x1000, hi: 0, data: 7 });
  pci.messageControl(ENABLE | FUNCTION_MASK);
  driver.negotiate(INDIRECT_DESC);
  driver.setUp(0, 16);
  device.write(QUEUE_VECTOR, 2, 1);
  driver.set(driver.registers.Status, 15);
  readsSector(made);
  expect(pci.sent).toEqual([]);
  pci.messageControl(ENABLE);
  expect(pci.sent).toEqual([{ lo: 0x1000, hi: 0, data: 7 }]);
});

test("vectors outside the table aren't mapped; a reset unmaps all", () => {
  const { device, driver } = blkOnPcie();
  expect(device.read(CONFIG_VECTOR, 2)).toBe(NO_VECTOR);
  device.write(CONFIG_VECTOR, 2, 2);
  expect(device.read(CONFIG_VECTOR, 2)).toBe(NO_VECTOR);
  device.write(CONFIG_VECTOR, 2, 1);
  device.write(QUEUE_VECTOR, 2, 0);
  expect([device.read(CONFIG_VECTOR, 2), device.read(QUEUE_VECTOR, 2)]).toEqual([1, 0]);
  driver.set(driver.registers.Status, 0);
  expect([device.read(CONFIG_VECTOR, 2), device.read(QUEUE_VECTOR, 2)]).toEqual([NO_VECTOR, NO_VECTOR]);
});

test('queues: their number, largest size, notify offset; 0 where there is none ("Common configuration structure layout")', () => {
  const { device } = blkOnPcie({ queues: 2, queueSize: 64 });
  device.write(QUEUE_SELECT, 2, 1);
  expect(device.read(NUM_QUEUES, 2)).toBe(2);
  expect([device.read(QUEUE_SIZE, 2), device.read(NOTIFY_OFF, 2)]).toEqual([64, 1]);
  device.write(QUEUE_SELECT, 2, 2);
  expect(device.read(QUEUE_SIZE, 2)).toBe(0);
});

test("fields are read in any aligned piece, and written as a whole", () => {
  const { device } = blkOnPcie();
  device.write(QUEUE_SIZE, 2, 8);
  expect([device.read(QUEUE_SIZE, 2), device.read(QUEUE_SIZE, 1), device.read(QUEUE_SIZE, 4)]).toEqual([
    8, 8, 0xffff_0008,
  ]);
  device.write(QUEUE_SIZE + 1, 1, 1);
  expect(device.read(QUEUE_SIZE, 2)).toBe(8);
});

test("a queue is closed to the driver while it is enabled, and only a reset disables it", () => {
  const { device, driver } = blkOnPcie();
  driver.start();
  device.write(QUEUE_SIZE, 2, 4);
  device.write(QUEUE_ENABLE, 2, 0);
  expect([device.read(QUEUE_SIZE, 2), device.read(QUEUE_ENABLE, 2)]).toEqual([16, 1]);
  device.write(STATUS, 1, 0);
  expect([device.read(QUEUE_SIZE, 2), device.read(QUEUE_ENABLE, 2)]).toEqual([256, 0]);
});

test('configuration space reaches the structures ("PCI configuration access capability")', () => {
  const { pci, offset, device } = blkOnPcie();
  const at = structure(pci, 5);
  const through = (place: number, size: number) => {
    pci.write(at + 4, 4, 1);
    pci.write(at + 8, place);
    pci.write(at + 12, size);
  };
  through(offset(4), 4);
  expect(pci.read(at + 16)).toBe(0x10_0000 / 512);
  through(offset(1) + STATUS, 1);
  pci.write(at + 16, 3, 1);
  expect(device.read(STATUS, 1)).toBe(3);
  through(0xffff_fffc, 4);
  expect(pci.read(at + 16, 1)).toBe(3); // nothing is there, so the bytes stay
});

test("without bus-master enable the device can't reach its queues and says so", () => {
  const { pci, driver } = blkOnPcie();
  driver.start();
  pci.write(4, 2, 2);
  driver.notify(0);
  expect(driver.status & 64).toBe(64);
});

test("any sequence of accesses to its BARs and configuration space is survived", () => {
  const value = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 0, max: 0xffff_ffff }));
  const access = fc.record({
    where: fc.constantFrom("structures", "structures", "structures", "table", "config", "config"),
    page: fc.constantFrom(0, 0, 0, 0x1000, 0x2000, 0x3000, 0x4000),
    offset: fc.oneof(fc.nat(0x40), fc.nat(0xfff)),
    size: fc.constantFrom(1, 2, 2, 4, 4),
    write: fc.boolean(),
    value: fc.oneof(value, fc.constantFrom(0, 1, 3, 11, 15, 0x8000, 0xc000, 0x8000_0000)),
  });
  fc.assert(
    fc.property(fc.array(access, { maxLength: 60 }), (accesses) => {
      const { device, pci, driver, world } = blkOnPcie({ queues: 2 });
      driver.start(INDIRECT_DESC | EVENT_IDX);
      for (const { where, page, offset, size, write, value } of accesses) {
        const aligned = offset - (offset % size);
        const target = where === "structures" ? device : where === "table" ? pci.fn.msix! : pci.root;
        const at = where === "config" ? (1 << 15) + aligned : page + aligned;
        if (write) target.write(at, size, value);
        else expect(target.read(at, size)).toBeLessThanOrEqual(0xffff_ffff);
      }
      world.run(undefined, 10_000);
    }),
    { numRuns: 300, seed: 1 },
  );
});
