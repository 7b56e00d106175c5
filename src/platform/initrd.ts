// An initial RAM disk, looked over before a kernel is: cut short, it would fail late and obscurely.
// Linux, "initramfs buffer format"; RFC 8878 (Zstandard), "Frames" and "Blocks"; The .xz File Format, "Stream".
import type { SoftwareFile } from "./kernel.js";
import { UserError } from "./user-error.js";

/** How long the gzip member at the start of `bytes` is, compressed; throws when it is damaged. */
export type Gunzip = (bytes: Uint8Array) => number;

type Skip = (bytes: Uint8Array, gunzip: Gunzip) => number;

interface Format {
  readonly at: number;
  readonly magic: readonly number[];
  /** Bytes that it occupies, -1 when it is cut short; without, the rest isn't looked at. */
  readonly skip?: Skip;
}

const text = (letters: string): number[] => [...letters].map((letter) => letter.charCodeAt(0));

const FORMATS: readonly Format[] = [
  { at: 0, magic: text("070701"), skip: cpio },
  { at: 0, magic: text("070702"), skip: cpio },
  { at: 0, magic: [0x1f, 0x8b], skip: (bytes, gunzip) => gunzip(bytes) },
  { at: 0, magic: [0x28, 0xb5, 0x2f, 0xfd], skip: zstd },
  { at: 0, magic: [0xfd, ...text("7zXZ"), 0], skip: xz },
  { at: 0, magic: [0x02, 0x21, 0x4c, 0x18] },
  { at: 0, magic: text("BZh") },
  { at: 0, magic: [0x5d, 0, 0] },
  { at: 0, magic: [0x89, ...text("LZO")] },
  // file systems: RAM disks of the old kind
  { at: 0x438, magic: [0x53, 0xef] },
  { at: 0, magic: text("hsqs") },
  { at: 0, magic: text("-rom1fs-") },
  { at: 0, magic: [0x45, 0x3d, 0xcd, 0x28] },
];

const REMEDY = "Give a cpio archive (cpio -o -H newc), plain or compressed, or a file system image";

/** Checks that an initial RAM disk is of a kind that kernels know, and whole as far as that can be told. */
export function checkInitrd({ bytes, name }: SoftwareFile, gunzip: Gunzip): void {
  if (bytes.length === 0) throw new UserError("the file is empty", name, REMEDY);
  for (let at = 0; at < bytes.length; ) {
    if (at > 0 && bytes[at] === 0) {
      at++;
      continue;
    }
    const rest = bytes.subarray(at);
    const format = FORMATS.find((known) => known.magic.every((byte, i) => rest[known.at + i] === byte));
    if (!format) {
      if (at > 0) return; // an archive, and then what no kernel looks at
      throw new UserError("no initial RAM disk: neither an archive nor a file system", name, REMEDY);
    }
    if (!format.skip) return;
    const length = format.skip(rest, gunzip);
    if (length < 0) throw new UserError("corrupt or truncated", `${name}, from byte ${at} on`, "Make or copy it again");
    at += length;
  }
}

const CPIO_HEADER = 110;
const CPIO_SIZE_FIELD = 54;
const CPIO_NAME_FIELD = 94;
const LAST = "TRAILER!!!";

function cpio(bytes: Uint8Array): number {
  const latin = new TextDecoder("latin1");
  const string = (at: number, length: number) => latin.decode(bytes.subarray(at, at + length));
  const word = (at: number) => (/^[0-9a-f]{8}$/i.test(string(at, 8)) ? Number.parseInt(string(at, 8), 16) : -1);
  for (let at = 0; at + CPIO_HEADER <= bytes.length; ) {
    if (!/^07070[12]$/.test(string(at, 6))) return -1;
    const size = word(at + CPIO_SIZE_FIELD);
    const nameSize = word(at + CPIO_NAME_FIELD);
    if (size < 0 || nameSize < 1) return -1;
    const name = string(at + CPIO_HEADER, Math.min(nameSize - 1, LAST.length + 1));
    const data = aligned(at + CPIO_HEADER + nameSize);
    if (data + size > bytes.length)
      return name === LAST && at + CPIO_HEADER + nameSize <= bytes.length ? bytes.length : -1;
    at = aligned(data + size);
    if (name === LAST) return Math.min(at, bytes.length);
  }
  return -1;
}

const aligned = (at: number): number => at + (-at & 3);

/** Bytes of the window descriptor, of the dictionary's identifier by its flag, of the content size by its flag. */
const DICTIONARY_BYTES = [0, 1, 2, 4];
const CONTENT_BYTES = [0, 2, 4, 8];
const RLE = 1;
const RESERVED = 3;

function zstd(bytes: Uint8Array): number {
  const flags = bytes[4];
  const single = (flags & 0x20) !== 0;
  const content = flags >>> 6 === 0 && single ? 1 : CONTENT_BYTES[flags >>> 6];
  let at = 5 + (single ? 0 : 1) + DICTIONARY_BYTES[flags & 3] + content;
  for (let last = false; !last; ) {
    if (at + 3 > bytes.length) return -1;
    const header = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
    const type = (header >>> 1) & 3;
    if (type === RESERVED) return -1;
    last = (header & 1) !== 0;
    at += 3 + (type === RLE ? 1 : header >>> 3);
  }
  at += flags & 4 ? 4 : 0;
  return at <= bytes.length ? at : -1;
}

/** An xz stream doesn't say how long it is; its footer must be the last that isn't zero. */
function xz(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes[end - 2] === 0x59 && bytes[end - 1] === 0x5a ? bytes.length : -1;
}
