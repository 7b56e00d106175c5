// AT Attachment with Packet Interface - 6 (ATA/ATAPI-6), "IDENTIFY DEVICE".
import { MOST_MULTIPLE, SECTOR_BYTES } from "./registers.js";
import type { Chosen } from "./settings.js";

export const HEADS = 16;
export const SECTORS_PER_TRACK = 63;
const MOST_CYLINDERS = 16_383;
/** What 28 bits can address. */
export const LBA28_SECTORS = 0x0fff_ffff;

export interface Identity {
  /** At most 20 and 40 ASCII characters. */
  readonly serialNumber: string;
  readonly model: string;
  /** Sectors of 512 bytes. */
  readonly sectors: number;
  /** Ultra DMA modes up to this one, 0…6. */
  readonly udmaMode: number;
}

/** The 256 words, as bytes. */
export function identifyDevice(identity: Identity, { transferMode, multiple, writeCache }: Chosen): Uint8Array {
  const bytes = new Uint8Array(SECTOR_BYTES);
  const view = new DataView(bytes.buffer);
  const set = (word: number, value: number) => view.setUint16(word * 2, value, true);
  const set32 = (word: number, value: number) => view.setUint32(word * 2, value, true);
  /** Two characters a word, the first in the high byte. */
  const text = (word: number, length: number, value: string) => {
    for (let i = 0; i < length; i++) bytes[word * 2 + (i ^ 1)] = i < value.length ? value.charCodeAt(i) & 0x7f : 0x20;
  };
  const { sectors } = identity;
  const cylinders = Math.min(MOST_CYLINDERS, Math.floor(sectors / (HEADS * SECTORS_PER_TRACK)));
  set(0, 0x0040); // not removable
  set(1, cylinders);
  set(3, HEADS);
  set(6, SECTORS_PER_TRACK);
  text(10, 20, identity.serialNumber);
  text(23, 8, "1");
  text(27, 40, identity.model);
  set(47, 0x8000 | MOST_MULTIPLE);
  set(49, 0x0300); // LBA, DMA
  set(50, 0x4000);
  set(53, 0x0006); // words 64…70 and 88 are valid
  set(59, multiple === 0 ? 0 : 0x0100 | multiple);
  set32(60, Math.min(sectors, LBA28_SECTORS));
  const chosen = (family: number) => ((transferMode & 0xf8) === family ? 1 << (transferMode & 7) : 0);
  set(63, 0x0007 | (chosen(0x20) << 8)); // multiword DMA 0…2
  set(64, 0x0003); // PIO 3 and 4
  for (let word = 65; word <= 68; word++) set(word, 120); // ns of a cycle
  set(80, 0x007e); // ATA-1…6
  const WRITE_CACHE = 0x0020;
  set(82, 0x4000 | WRITE_CACHE); // NOP
  set(83, 0x7400); // FLUSH CACHE, FLUSH CACHE EXT, 48-bit addresses
  set(84, 0x4000);
  set(85, 0x4000 | (writeCache ? WRITE_CACHE : 0));
  set(86, 0x3400);
  set(87, 0x4000);
  set(88, ((2 << identity.udmaMode) - 1) | (chosen(0x40) << 8));
  set(93, 0x600b); // hardware reset: device 0 by its jumper, diagnostics passed, 80 wires
  set32(100, sectors % 0x1_0000_0000);
  set(102, Math.floor(sectors / 0x1_0000_0000));
  bytes[510] = 0xa5;
  bytes[511] = -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff; // "Integrity word"
  return bytes;
}
