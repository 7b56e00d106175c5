// An ATA controller on the fixture's bus, its ports where the VMM would have put them. Its DMA is watched.
import { DiskImage, MemorySource } from "../../src/backends/disk-image.js";
import { Medium } from "../../src/backends/medium.js";
import { AtaController } from "../../src/devices/ata/controller.js";
import { ATA_KIND } from "../../src/vmm/attach/ata-function.js";
import type { PhysicalFunction, PhysicalPorts } from "../../src/vmm/types.js";
import { type Fixture, IRQ, MIB, PlainDma } from "./services.js";

const PORTS = 0x0300_1000;
const DISTANCE = 0x100;

/** `interrupted` hears of INTRQ's rise. */
export function plainAta(f: Fixture, interrupted: () => void) {
  const disk = Uint8Array.from({ length: MIB }, (_, i) => (i * 31 + (i >> 9) * 7) & 0xff);
  const dma = new PlainDma(f.vmm.core);
  const backend = new Medium(f.events, new DiskImage(new MemorySource(disk)));
  const irq = { set: (level: boolean) => level && interrupted() };
  const device = new AtaController({ irq, dma, clock: f.events, disks: [{ backend }] });
  for (const { index, size } of ATA_KIND.function.bars!) {
    f.bus.map(PORTS + index * DISTANCE, size, device.bars[index], "port");
  }
  const writes: number[][] = [];
  const ports: PhysicalPorts = { page: PORTS + 0x1000, at: (bar) => PORTS + bar * DISTANCE, move: () => {} };
  const fn: PhysicalFunction = {
    kind: ATA_KIND,
    deviceId: 8,
    bar: PORTS,
    barSize: 8,
    ports,
    irq: IRQ,
    readConfig: () => 0,
    writeConfig: (offset, size, value) => writes.push([offset, size, value]),
  };
  const contents = (offset: number, length: number) => {
    const bytes = new Uint8Array(length);
    const buffer = { lo: 0, hi: 0, length };
    let got = false;
    const port = {
      staging: bytes,
      view: new DataView(bytes.buffer),
      read: () => ({ ok: true, cause: 0, bytes: length, cycles: 0 }),
      write: () => ({ ok: true, cause: 0, bytes: length, cycles: 0 }),
    };
    backend.submit({ operation: "read", offset, length, segments: [buffer], dma: port }, () => {
      got = true;
    });
    while (!got && f.step());
    return bytes;
  };
  return { device, disk, dma, fn, ports, writes, contents };
}
