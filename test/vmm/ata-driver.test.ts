// ATA/ATAPI-6 and Programming Interface for Bus Master IDE Controller 1.0 (SFF-8038i), "Standard Programming Sequence": the VMM's
// own driver.
import { expect, test } from "vitest";
import { AtaDriver, type AtaDriverOptions } from "../../src/vmm/ata-driver.js";
import { DmaPool } from "../../src/vmm/dma-pool.js";
import type { DiskOutcome } from "../../src/vmm/physical-disk.js";
import { plainAta } from "./plain-ata.js";
import { fixture, MIB, same } from "./services.js";

function started(options: AtaDriverOptions = {}) {
  const f = fixture();
  let driver: AtaDriver | undefined;
  const ata = plainAta(f, () => driver?.interrupt());
  const pool = new DmaPool(f.vmm);
  const made = new AtaDriver(f.vmm, ata.fn, pool, options);
  made.start(f.step);
  driver = made;
  ata.dma.named.length = 0;
  const buffer = pool.allocate(MIB, 0x1_0000);
  const outcomes: DiskOutcome[] = [];
  const submit = (command: Parameters<AtaDriver["submit"]>[0]) => {
    const taken = made.submit(command, (outcome) => outcomes.push(outcome));
    made.kick();
    return taken;
  };
  const run = () => {
    while (f.step());
  };
  return { ...f, ...ata, driver: made, pool, buffer, outcomes, submit, run };
}

test("start-up learns the capacity, chooses Ultra DMA and becomes bus master", () => {
  const { driver, writes } = started();
  expect([driver.size, driver.blockSize, driver.free]).toEqual([MIB, 512, 1]);
  expect(writes).toContainEqual([4, 2, 5]);
});

test.each([512, 4096, 131_072, 262_144])("a read of %i bytes arrives, in 28 bits or in 48", (length) => {
  const { disk, vmm, buffer, outcomes, submit, run } = started();
  submit({ operation: "read", offset: 1024, length, address: buffer });
  run();
  expect(outcomes).toEqual(["ok"]);
  expect(same(vmm.core.slice(buffer, length), disk.subarray(1024, 1024 + length))).toBe(true);
});

test("pages that follow one another are one region, up to 64 KiB", () => {
  const { disk, vmm, buffer, dma, submit, run } = started();
  const pages = [...Array.from({ length: 17 }, (_, i) => buffer + i * 4096), buffer + 0x4_0000];
  submit({ operation: "read", offset: 0, length: 18 * 4096, address: pages[0], pages });
  run();
  const moved = dma.named.filter(({ write }) => write).map(({ address, length }) => [address - buffer, length]);
  expect(moved).toEqual([
    [0, 0x1_0000],
    [0x1_0000, 4096],
    [0x4_0000, 4096],
  ]);
  expect(same(vmm.core.slice(buffer + 0x4_0000, 4096), disk.subarray(17 * 4096, 18 * 4096))).toBe(true);
});

test("a write and a flush, one after the other", () => {
  const { vmm, buffer, outcomes, submit, run, contents } = started();
  vmm.core.store(buffer, new Uint8Array(20480).fill(0xa5));
  expect(submit({ operation: "write", offset: 512, length: 20480, address: buffer })).toBe(true);
  expect(submit({ operation: "flush", offset: 0, length: 0, address: 0 })).toBe(false);
  run();
  submit({ operation: "flush", offset: 0, length: 0, address: 0 });
  run();
  expect(outcomes).toEqual(["ok", "ok"]);
  expect(contents(512, 20480).every((byte) => byte === 0xa5)).toBe(true);
});

test("what the disk refuses is an error, and the next command goes well", () => {
  const { buffer, driver, outcomes, submit, run } = started();
  submit({ operation: "read", offset: MIB, length: 512, address: buffer });
  run();
  submit({ operation: "read", offset: 0, length: 512, address: buffer });
  run();
  expect(outcomes).toEqual(["out-of-range", "ok"]);
  expect(driver.counters).toMatchObject({ submitted: 2, completed: 2, errors: 1 });
});

test("a disk that can't do it is reset again and again, then given up and kept in reset, so that nothing moves later", () => {
  const { driver, outcomes, submit, run, dma } = started({ timeout: 1e9 });
  submit({ operation: "read", offset: 0, length: 512, address: 0x10 });
  run();
  expect(outcomes).toEqual(["medium-error"]);
  expect(driver.counters).toMatchObject({ resets: 9, timeouts: 1 });
  dma.named.length = 0;
  submit({ operation: "read", offset: 0, length: 512, address: 0x10 });
  run();
  expect([outcomes, dma.named]).toEqual([["medium-error", "medium-error"], []]);
});

test.each([0, 100, 700, 1300, 3000, 9000])(
  "reset by somebody else %i cycles on, the disk gets its command again",
  (cycles) => {
    const { disk, vmm, events, device, driver, buffer, outcomes, submit, run } = started();
    events.after(cycles, () => device.restart());
    submit({ operation: "read", offset: 4096, length: 8192, address: buffer });
    run();
    expect([outcomes, driver.counters.timeouts]).toEqual([["ok"], 0]);
    expect(same(vmm.core.slice(buffer, 8192), disk.subarray(4096, 4096 + 8192))).toBe(true);
  },
);
