// AT Attachment with Packet Interface - 6 (ATA/ATAPI-6); Programming Interface for Bus Master IDE Controller 1.0 (SFF-8038i).
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Medium } from "../../../src/backends/medium.js";
import { AtaDriver, BSY, DRDY, DRQ, ERR } from "../../support/ata-driver.js";
import { generatedImage, nanoseconds, sameBytes } from "../../support/world.js";

const ABRT = 4;
const IDNF = 0x10;
const BAR_BYTES = [8, 4, 8, 4, 16];
const [INTERRUPT, ERROR, ACTIVE] = [4, 2, 1];
/** An old disk: 8 ms of positioning, 33 MB/s. */
const OLD = { readAccess: 8e6, writeAccess: 8e6, channels: 1, bandwidth: 33e6 };

function ata(settings = {}, readOnly = false) {
  const image = generatedImage(0x10_0000, 1, readOnly);
  const driver = new AtaDriver(
    ({ events }) => [{ backend: new Medium(events, image, OLD), readOnly, serialNumber: "S1" }],
    settings,
  );
  const contents = (lba: number, count: number) => {
    const bytes = new Uint8Array(count * 512);
    image.read(lba * 512, bytes);
    return bytes;
  };
  const buffer = (length: number) => driver.world.memory.allocate(length);
  return { driver, world: driver.world, image, contents, buffer };
}
const pattern = (length: number) => new Uint8Array(length).map((_, i) => (i * 31 + (i >> 8)) & 0xff);

describe("'I/O register descriptions'", () => {
  test("the signature after a software reset ('Signature and persistence')", () => {
    const { driver } = ata();
    driver.control(4);
    expect(driver.alternate).toBe(BSY);
    driver.control(0);
    expect(driver.wait() & (BSY | DRDY)).toBe(DRDY);
    expect([1, 2, 3, 4, 5].map((register) => driver.get(register))).toEqual([1, 1, 1, 0, 0]);
  });

  test("device 0 answers for device 1, whose status is 0 ('Device 0 only configurations')", () => {
    const { driver, world } = ata();
    driver.set(6, 0x10);
    driver.set(2, 0x55);
    expect([driver.get(7), driver.alternate, driver.get(2)]).toEqual([0, 0, 0x55]);
    driver.set(7, 0xec);
    world.run();
    expect(world.line.rises).toBe(0);
  });

  test("where nothing is connected DD7 is pulled down, and BSY clear", () => {
    const empty = new AtaDriver(() => []);
    empty.set(2, 0x55);
    expect([empty.get(7), empty.alternate, empty.get(2)]).toEqual([0x7f, 0x7f, 0x7f]);
  });

  test("HOB shows what was written before ('48-bit Address feature set')", () => {
    const { driver } = ata();
    driver.set(2, 0x12);
    driver.set(2, 0x34);
    expect(driver.get(2)).toBe(0x34);
    driver.control(0x80);
    expect(driver.get(2)).toBe(0x12);
    driver.set(3, 0);
    expect(driver.get(2)).toBe(0x34);
  });

  test("status takes the interrupt back, alternate status doesn't, nIEN keeps it from the line", () => {
    const { driver, world } = ata();
    driver.control(2);
    driver.command(0xe7);
    world.run();
    expect(world.line.level).toBe(false);
    driver.control(0);
    expect(world.line.level).toBe(true);
    expect(driver.alternate & BSY).toBe(0);
    expect(world.line.level).toBe(true);
    driver.get(7);
    expect(world.line.level).toBe(false);
  });
});

describe("commands", () => {
  test("IDENTIFY DEVICE", () => {
    const { driver } = ata();
    driver.command(0xec);
    const bytes = driver.readSectors(1);
    const view = new DataView(bytes.buffer);
    expect(view.getUint32(120, true)).toBe(2048);
    expect(view.getUint32(200, true)).toBe(2048);
    expect(String.fromCharCode(bytes[21], bytes[20], bytes[23])).toBe("S1 ");
    expect(bytes.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0);
    expect(driver.alternate & DRQ).toBe(0);
  });

  test("SET FEATURES chooses a transfer mode, which IDENTIFY DEVICE then shows", () => {
    const { driver } = ata();
    const choose = (mode: number) => {
      driver.set(1, 3);
      driver.command(0xef, 0, mode);
      return driver.wait() & ERR;
    };
    expect([choose(0x45), choose(0x46)]).toEqual([0, ERR]);
    expect(driver.get(1)).toBe(ABRT);
    driver.command(0xec);
    expect(new DataView(driver.readSectors(1).buffer).getUint16(176, true)).toBe(0x203f);
  });

  test("READ SECTORS, an interrupt for each", () => {
    const { driver, contents, world } = ata();
    driver.command(0x20, 100, 5);
    expect(sameBytes(driver.readSectors(5), contents(100, 5))).toBe(true);
    expect([driver.get(7) & (DRQ | BSY | ERR), world.line.rises]).toEqual([0, 5]);
  });

  test("READ MULTIPLE, an interrupt a block ('SET MULTIPLE MODE')", () => {
    const { driver, contents, world } = ata();
    driver.command(0xc4, 100, 5);
    expect([driver.wait() & ERR, driver.get(1)]).toEqual([ERR, ABRT]);
    driver.command(0xc6, 0, 4);
    expect(driver.wait() & ERR).toBe(0);
    const { rises } = world.line;
    driver.command(0xc4, 100, 10);
    expect(sameBytes(driver.readSectors(10), contents(100, 10))).toBe(true);
    expect([driver.get(7) & (DRQ | BSY | ERR), world.line.rises - rises]).toEqual([0, 3]);
  });

  test("READ SECTORS EXT reads more than the disk's buffer holds", () => {
    const { driver, contents } = ata();
    driver.commandExt(0x24, 10, 600);
    expect(sameBytes(driver.readSectors(600), contents(10, 600))).toBe(true);
  });

  test("cylinder, head and sector name a sector too", () => {
    const { driver, contents } = ata();
    [1, 2, 1, 0, 3].forEach((value, i) => {
      driver.set(2 + i, value);
    });
    driver.set(7, 0x20);
    expect(sameBytes(driver.readSectors(1), contents((1 * 16 + 3) * 63 + 1, 1))).toBe(true);
  });

  test("WRITE SECTORS asks for the first without an interrupt", () => {
    const { driver, contents, world } = ata();
    driver.command(0x30, 7, 300 & 0xff);
    world.run(() => (driver.alternate & DRQ) !== 0);
    expect(world.line.rises).toBe(0);
    driver.writeSectors(pattern(44 * 512));
    expect(driver.wait() & (DRQ | ERR)).toBe(0);
    expect(sameBytes(contents(7, 44), pattern(44 * 512))).toBe(true);
  });

  test("WRITE SECTORS EXT over several buffers", () => {
    const { driver, contents } = ata();
    driver.commandExt(0x34, 20, 600);
    driver.writeSectors(pattern(600 * 512));
    expect(driver.wait() & (DRQ | ERR)).toBe(0);
    expect(sameBytes(contents(20, 600), pattern(600 * 512))).toBe(true);
  });

  test.each([
    { name: "beyond the end", command: 0x20, lba: 2047, count: 2, error: IDNF },
    { name: "unknown", command: 0x5e, lba: 0, count: 1, error: ABRT },
    { name: "DMA beyond the end", command: 0xc8, lba: 2048, count: 1, error: IDNF },
    { name: "ATAPI's", command: 0xa1, lba: 0, count: 1, error: ABRT },
  ])("$name: an error and an interrupt", ({ command, lba, count, error }) => {
    const { driver, world } = ata();
    driver.command(command, lba, count);
    expect([driver.wait() & (ERR | DRQ), driver.get(1), world.line.rises]).toEqual([ERR, error, 1]);
  });

  test("a disk that is read only refuses writes", () => {
    const { driver } = ata({}, true);
    driver.command(0x30, 0, 1);
    expect([driver.wait() & ERR, driver.get(1)]).toEqual([ERR, ABRT]);
  });

  test("READ NATIVE MAX ADDRESS says the last sector", () => {
    const { driver } = ata();
    driver.command(0xf8);
    driver.wait();
    expect([3, 4, 5].map((register) => driver.get(register))).toEqual([0xff, 7, 0]);
  });
});

describe("SFF-8038i", () => {
  test("READ DMA fills regions; the interrupt comes when all is there", () => {
    const { driver, world, contents, buffer } = ata();
    const [a, b] = [buffer(1024), buffer(3072)];
    driver.table([
      { address: a, length: 1024 },
      { address: b, length: 3072 },
    ]);
    driver.command(0xc8, 50, 8);
    driver.go(true);
    expect(driver.bus(2) & ACTIVE).toBe(ACTIVE);
    world.run(() => world.line.level);
    expect(driver.bus(2) & 7).toBe(INTERRUPT);
    expect(driver.get(7) & (ERR | BSY | DRQ)).toBe(0);
    const got = Uint8Array.of(...world.memory.slice(a, 1024), ...world.memory.slice(b, 3072));
    expect(sameBytes(got, contents(50, 8))).toBe(true);
    driver.setBus(0, 8);
    driver.setBus(2, INTERRUPT);
    expect(driver.bus(2)).toBe(0);
  });

  test("WRITE DMA EXT, the bus master started first; 0 bytes mean 64 KiB", () => {
    const { driver, world, contents, buffer } = ata();
    const from = buffer(0x1_0000);
    world.memory.slice(from, 0x1_0000).set(pattern(0x1_0000));
    driver.table([{ address: from, length: 0x1_0000 }]);
    driver.go(false);
    driver.commandExt(0x35, 500, 128);
    expect(driver.wait() & ERR).toBe(0);
    expect(sameBytes(contents(500, 128), pattern(0x1_0000))).toBe(true);
  });

  test("positioning and the disk's rate take their time", () => {
    const { driver, world, buffer } = ata();
    driver.table([{ address: buffer(0x8000), length: 0x8000 }]);
    driver.command(0xc8, 0, 64);
    driver.go(true);
    world.run(() => world.line.level);
    const ideal = 8e6 + (0x8000 * 1e9) / 33e6;
    expect(nanoseconds(world.time) / ideal).toBeCloseTo(1, 3);
  });

  test("regions larger than the transfer: interrupt, and still active ('Status bits interrupt and active')", () => {
    const { driver, buffer } = ata();
    driver.table([{ address: buffer(4096), length: 4096 }]);
    driver.command(0xc8, 0, 1);
    driver.go(true);
    driver.wait();
    expect(driver.bus(2) & 7).toBe(INTERRUPT | ACTIVE);
  });

  test("regions smaller than the transfer: neither, until the disk is reset", () => {
    const { driver, world, buffer } = ata();
    driver.table([{ address: buffer(512), length: 512 }]);
    driver.command(0xc8, 0, 2);
    driver.go(true);
    world.run();
    expect([driver.bus(2) & 7, driver.alternate & BSY, world.line.rises]).toEqual([0, BSY, 0]);
    driver.control(4);
    driver.control(0);
    expect(driver.wait() & (BSY | DRDY)).toBe(DRDY);
  });

  test.each(["table", "region"])("a %s that can't be reached is an error without an interrupt", (what) => {
    const { driver, world } = ata();
    const table = driver.table([{ address: 0x10, length: 512 }]);
    driver.setBus(4, what === "table" ? 0x100 : table, 4);
    driver.command(0xc8, 0, 1);
    driver.go(true);
    world.run();
    expect([driver.bus(2) & 7, driver.alternate & BSY, world.line.rises]).toEqual([ERROR, BSY, 0]);
  });

  test("stopped in the middle, nothing more reaches memory", () => {
    const { driver, world, buffer } = ata();
    driver.table([{ address: buffer(512), length: 512 }]);
    driver.command(0xc8, 0, 1);
    driver.go(true);
    world.memory.writtenTo.length = 0;
    driver.setBus(0, 8);
    world.run();
    expect([world.memory.writtenTo, driver.bus(2) & 7, driver.alternate & BSY]).toEqual([[], 0, BSY]);
  });

  test("a table need not begin at a descriptor's multiple, and ends at 64 KiB", () => {
    const { driver, world, contents, buffer } = ata();
    const [a, b] = [buffer(512), buffer(512)];
    const table = driver.table([
      { address: 0, length: 0 },
      { address: a, length: 512 },
      { address: b, length: 512 },
    ]);
    const { data, base } = world.memory;
    for (const [i, value] of [a, 512, b, 0x8000_0200].entries()) data.setUint32(table - base + 4 + 4 * i, value, true);
    driver.setBus(4, table + 4, 4);
    driver.command(0xc8, 9, 2);
    driver.go(true);
    expect(driver.wait() & ERR).toBe(0);
    const got = Uint8Array.of(...world.memory.slice(a, 512), ...world.memory.slice(b, 512));
    expect(sameBytes(got, contents(9, 2))).toBe(true);
  });

  test("after a software reset nothing of before reaches memory", () => {
    const { driver, world, buffer } = ata();
    driver.table([{ address: buffer(512), length: 512 }]);
    driver.command(0xc8, 0, 1);
    driver.go(true);
    driver.control(4);
    driver.control(0);
    world.run();
    expect([world.memory.writtenTo, world.line.rises]).toEqual([[], 0]);
  });
});

test("any sequence of accesses is survived, and a table reads at most 64 KiB", () => {
  const access = fc.record({
    bar: fc.nat(4),
    offset: fc.nat(17),
    size: fc.constantFrom(1, 1, 1, 2, 4),
    write: fc.boolean(),
    value: fc.oneof(fc.constantFrom(0x20, 0x30, 0xc8, 0xca, 0x25, 0x35, 0xec, 1, 9, 4), fc.nat(255), fc.nat()),
  });
  fc.assert(
    fc.property(fc.array(access, { maxLength: 80 }), (accesses) => {
      const { driver, world } = ata({ commandTime: 1 });
      for (const { bar, offset, size, write, value } of accesses) {
        const at = offset % BAR_BYTES[bar];
        if (write) driver.device.bars[bar].write(at - (at % size), size, value);
        else expect(driver.device.bars[bar].read(at - (at % size), size)).toBeLessThanOrEqual(0xffff_ffff);
        world.pass(100);
      }
      const { reads } = world.memory;
      world.run();
      expect(world.memory.reads - reads).toBeLessThan(20_000);
    }),
    { numRuns: 200, seed: 5 },
  );
});
