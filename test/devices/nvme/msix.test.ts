// NVM Express Base Specification 1.4, "MSI-X Based Behavior", "Create I/O Completion Queue command".
import { expect, test } from "vitest";
import { NvmeController } from "../../../src/devices/nvme/controller.js";
import { NO_TIMES } from "../../../src/devices/nvme/parameters.js";
import { msixBarSize } from "../../../src/platform/msix.js";
import { NvmeDriver } from "../../support/nvme-driver.js";
import { PciFunction } from "../../support/pci-driver.js";
import { generatedImage, InstantDisk, World } from "../../support/world.js";

const [ENABLE, FUNCTION_MASK] = [0x8000, 0x4000];
const INVALID_INTERRUPT_VECTOR = 0x108;
const [INTMS, GET_FEATURES, SET_FEATURES, NUMBER_OF_QUEUES, VECTOR_CONFIGURATION] = [0x0c, 0x0a, 0x09, 0x07, 0x09];
const IDENTIFY = { opcode: 6, cdw10: 1 };

function nvme() {
  const world = new World();
  const identity = { vendor: 0x1b36, device: 0x0010, classCode: 0x01_0802 };
  const bars = [0x4000, msixBarSize(9)].map((size, i) => ({ index: i * 4, size }));
  const pci = new PciFunction({ identity, bars, pin: 1, msix: { vectors: 9, bar: 4 } }, world.irq);
  const { fn } = pci;
  const ports = { irq: fn.irq, dma: fn.master(world.memory), clock: world.events, messages: fn.msix };
  const backend = new InstantDisk(generatedImage());
  const controller = new NvmeController({ ...ports, backend }, { times: NO_TIMES, ioQueues: 8 });
  for (let vector = 0; vector < 9; vector++) pci.entry(vector, { lo: 0x2800_0000, hi: 0, data: 32 + vector });
  pci.messageControl(0);
  const driver = new NvmeDriver(controller, world);
  const buffer = world.memory.allocate(0x1000);
  const createCq = (id: number, vector: number) => {
    const prp1 = world.memory.allocate(0x1000);
    return driver.admin({ opcode: 5, prp1, cdw10: (15 << 16) | id, cdw11: (vector << 16) | 3 }).status;
  };
  const data = () => pci.sent.map((message) => message.data);
  return { world, pci, controller, driver, buffer, createCq, data };
}

test("until MSI-X is enabled the pin interrupts and vector 0 is the only one", () => {
  const { pci, driver, world, createCq } = nvme();
  driver.enable();
  expect(createCq(1, 1)).toBe(INVALID_INTERRUPT_VECTOR);
  expect([world.line.rises > 0, pci.sent.length]).toEqual([true, 0]);
});

test("each completion that the host is told of is a message of its queue's vector", () => {
  const { pci, driver, world, controller, createCq, data } = nvme();
  pci.messageControl(ENABLE);
  driver.enable();
  expect([createCq(1, 9), createCq(1, 5)]).toEqual([INVALID_INTERRUPT_VECTOR, 0]);
  expect(data()).toEqual([32, 32]);
  driver.createQueues(2);
  expect([world.line.rises, controller.interruptsRaised]).toEqual([0, 4]);
});

test("I/O queues complete to their own vectors", () => {
  const { pci, driver, world, buffer, data } = nvme();
  pci.messageControl(ENABLE);
  driver.enable();
  for (const [id, vector] of [
    [1, 3],
    [2, 8],
  ]) {
    const [cq, sq] = [world.memory.allocate(256), world.memory.allocate(1024)];
    driver.admin({ opcode: 5, prp1: cq, cdw10: (15 << 16) | id, cdw11: (vector << 16) | 3 });
    driver.admin({ opcode: 1, prp1: sq, cdw10: (15 << 16) | id, cdw11: (id << 16) | 1 });
    driver.attach(id, sq, cq, 16, 16);
  }
  pci.sent.length = 0;
  driver.execute(2, driver.transferSqe(2, 0, 1, buffer));
  driver.execute(1, driver.transferSqe(2, 0, 1, buffer));
  expect(data()).toEqual([40, 35]);
});

test("INTMS masks the pin alone; a message waits for the masks of its own table", () => {
  const { pci, driver, buffer, data } = nvme();
  pci.messageControl(ENABLE | FUNCTION_MASK);
  driver.enable();
  driver.write(INTMS, 0xffff_ffff);
  driver.admin({ ...IDENTIFY, prp1: buffer });
  expect(data()).toEqual([]);
  pci.messageControl(ENABLE);
  expect(data()).toEqual([32]);
});

test("there is an I/O queue pair for each of 8 harts, and a vector configuration for each vector", () => {
  const { pci, driver } = nvme();
  pci.messageControl(ENABLE);
  driver.enable();
  const get = (cdw10: number, cdw11 = 0) => driver.admin({ opcode: GET_FEATURES, cdw10, cdw11 }).result;
  driver.admin({ opcode: SET_FEATURES, cdw10: VECTOR_CONFIGURATION, cdw11: (1 << 16) | 7 });
  expect(get(NUMBER_OF_QUEUES)).toBe(0x0007_0007);
  expect([get(VECTOR_CONFIGURATION, 7), get(VECTOR_CONFIGURATION, 6)]).toEqual([0x1_0007, 6]);
  expect(driver.admin({ opcode: GET_FEATURES, cdw10: VECTOR_CONFIGURATION, cdw11: 9 }).status).not.toBe(0);
});
