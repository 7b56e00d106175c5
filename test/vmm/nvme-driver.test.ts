// NVM Express Base Specification 1.4, "Memory-based Controller Initialization": the VMM's own driver.
import { expect, test } from "vitest";
import { DiskImage, MemorySource } from "../../src/backends/disk-image.js";
import { Medium } from "../../src/backends/medium.js";
import { NvmeController } from "../../src/devices/nvme/controller.js";
import { DmaPool } from "../../src/vmm/dma-pool.js";
import { NvmeDriver, type NvmeDriverOptions } from "../../src/vmm/nvme-driver.js";
import type { DiskOutcome } from "../../src/vmm/physical-disk.js";
import { PlainNvme } from "./plain-nvme.js";
import { BAR, fixture, PlainDma, plainFunction, same } from "./services.js";

function started(options: NvmeDriverOptions = {}) {
  const f = fixture();
  const dma = new PlainDma(f.vmm.core);
  let driver: NvmeDriver | undefined;
  const device = new PlainNvme({ irq: { set: (level) => level && driver?.interrupt() }, dma, clock: f.events });
  f.bus.map(BAR, 0x4000, device, "pcie");
  const pool = new DmaPool(f.vmm);
  const fn = plainFunction();
  const made = new NvmeDriver(f.vmm, fn, pool, options);
  made.start(f.step);
  driver = made;
  const buffer = pool.allocate(0x10_0000, 0x1000);
  const run = () => {
    made.kick();
    while (f.step());
  };
  return { ...f, dma, device, driver: made, pool, fn, buffer, run };
}

test("start-up learns capacity, block size and the largest transfer", () => {
  const { driver, fn } = started();
  expect(driver.size).toBe(2048 * 512);
  expect(driver.blockSize).toBe(512);
  expect(driver.maxTransfer).toBe(32 * 4096);
  expect(fn.writes).toContainEqual([4, 2, 6]);
});

test.each([512, 4096, 8192, 12288, 131072])("a read of %i bytes arrives through PRP1, PRP2 or a list", (length) => {
  const { driver, device, vmm, buffer, run } = started();
  const outcomes: DiskOutcome[] = [];
  driver.submit({ operation: "read", offset: 1024, length, address: buffer }, (outcome) => outcomes.push(outcome));
  run();
  expect(outcomes).toEqual(["ok"]);
  expect(same(vmm.core.slice(buffer, length), device.disk.subarray(1024, 1024 + length))).toBe(true);
});

test("a write and a flush reach the medium in order", () => {
  const { driver, device, vmm, buffer, run } = started();
  vmm.core.store(buffer, new Uint8Array(20480).fill(0xa5));
  const outcomes: DiskOutcome[] = [];
  driver.submit({ operation: "write", offset: 512, length: 20480, address: buffer }, (o) => outcomes.push(o));
  driver.submit({ operation: "flush", offset: 0, length: 0, address: 0 }, (o) => outcomes.push(o));
  run();
  expect(outcomes).toEqual(["ok", "ok"]);
  expect(device.disk.subarray(512, 512 + 20480).every((byte) => byte === 0xa5)).toBe(true);
  expect(device.commands.slice(-2)).toEqual([0x101, 0x100]);
});

test("rings wrap: many times more commands than entries, one doorbell for each batch", () => {
  const { driver, buffer, run } = started({ entries: 8 });
  let done = 0;
  for (let round = 0; round < 20; round++) {
    while (driver.submit({ operation: "read", offset: 0, length: 512, address: buffer }, () => done++));
    run();
  }
  expect(done).toBe(140);
  expect(driver.free).toBe(7);
  expect(driver.counters.strays).toBe(0);
});

test("a range beyond the medium ends as out-of-range", () => {
  const { driver, buffer, run } = started();
  const outcomes: DiskOutcome[] = [];
  driver.submit({ operation: "read", offset: 2048 * 512, length: 512, address: buffer }, (o) => outcomes.push(o));
  run();
  expect(outcomes).toEqual(["out-of-range"]);
});

test("a controller that doesn't answer is declared dead, and everything fails from then on", () => {
  const { driver, device, buffer, run } = started({ timeout: 10_000 });
  device.deaf = true;
  const outcomes: DiskOutcome[] = [];
  const read = { operation: "read", offset: 0, length: 512, address: buffer } as const;
  driver.submit(read, (o) => outcomes.push(o));
  run();
  driver.submit(read, (o) => outcomes.push(o));
  expect(outcomes).toEqual(["medium-error", "medium-error"]);
  expect(driver.counters.timeouts).toBe(1);
});

test("every address that the device hears of lies in the DMA pool", () => {
  const { driver, dma, pool, buffer, run } = started();
  driver.submit({ operation: "read", offset: 0, length: 131072, address: buffer }, () => {});
  run();
  const outside = dma.named.filter(
    (one) => one.address < pool.start || one.address + one.length > pool.start + pool.bytes,
  );
  expect(outside).toEqual([]);
});

test("the board's own controller: what is written is read back, at every length", () => {
  const f = fixture();
  let driver: NvmeDriver | undefined;
  const device = new NvmeController({
    irq: { set: (level) => level && driver?.interrupt() },
    dma: new PlainDma(f.vmm.core),
    clock: f.events,
    backend: new Medium(f.events, new DiskImage(new MemorySource(new Uint8Array(0x20_0000)))),
  });
  f.bus.map(BAR, 0x4000, device, "pcie");
  const pool = new DmaPool(f.vmm);
  const made = new NvmeDriver(f.vmm, plainFunction(), pool);
  made.start(f.step);
  driver = made;
  expect([made.size, made.blockSize, made.maxTransfer]).toEqual([0x20_0000, 512, 0x10_0000]);
  const [from, to] = [pool.allocate(0x8_0000, 4096), pool.allocate(0x8_0000, 4096)];
  const outcomes: DiskOutcome[] = [];
  const lengths = [512, 4096, 4608, 8192, 65536, 0x8_0000];
  for (const length of lengths) {
    f.vmm.core.store(from, new Uint8Array(length).fill(length >> 9));
    made.submit({ operation: "write", offset: 1024, length, address: from }, (o) => outcomes.push(o));
    made.kick();
    while (f.step());
    made.submit({ operation: "read", offset: 1024, length, address: to }, (o) => outcomes.push(o));
    made.kick();
    while (f.step());
    expect(same(f.vmm.core.slice(to, length), f.vmm.core.slice(from, length))).toBe(true);
  }
  expect(outcomes).toEqual(lengths.flatMap(() => ["ok", "ok"]));
});
