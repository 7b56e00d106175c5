// System V ABI, "Object Files" and "Program Loading", ELF64; RISC-V ELF psABI, "File Header".
import { UserError } from "./user-error.js";

/** A loadable piece of a program. */
export interface ElfSegment {
  /** Physical address. */
  address: number;
  /** Bytes from the file; the rest up to `size` is zero. */
  data: Uint8Array;
  /** Bytes in memory. */
  size: number;
}

export interface ElfImage {
  /** Physical address of the first instruction. */
  entry: number;
  segments: readonly ElfSegment[];
  /** Lowest virtual address of a segment. */
  virtual: bigint;
}

export interface ElfOptions {
  /** Whether a file that relocates itself (ET_DYN, or with a dynamic section) will do, as firmware is built. */
  readonly selfRelocating?: boolean;
}

const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const EXECUTABLE = 2;
const SHARED = 3;
const MACHINE_RISCV = 243;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;

/** e_machine of what is mistaken for ours. */
const MACHINE_NAMES: Readonly<Record<number, string>> = {
  3: "x86",
  8: "MIPS",
  21: "64-bit PowerPC",
  22: "s390",
  40: "32-bit ARM",
  62: "x86-64",
  183: "AArch64",
  258: "LoongArch",
};

const REMEDY = "Give a statically linked RISC-V ELF64 executable (riscv64-unknown-elf-gcc -static)";

/**
 * Checks an ELF64 RISC-V executable and finds what to load.
 * @param name the file's name, for messages
 */
export function parseElf(bytes: Uint8Array, name: string, options: ElfOptions = {}): ElfImage {
  const fail = (problem: string, remedy = REMEDY): never => {
    throw new UserError(problem, name, remedy);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = (offset: number) => view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
  const machineName = (machine: number) => MACHINE_NAMES[machine] ?? `e_machine ${machine}`;

  if (bytes.length < 4 || view.getUint32(0) !== 0x7f454c46) fail("not an ELF file");
  if (bytes.length < HEADER_SIZE) fail(`truncated: ${bytes.length} bytes don't hold the ELF header`);
  if (bytes[4] !== CLASS_64) fail("a 32-bit ELF file: the machine is RV64");
  if (bytes[5] !== LITTLE_ENDIAN) fail("a big-endian ELF file");
  const machine = view.getUint16(18, true);
  if (machine !== MACHINE_RISCV) fail(`for another machine (${machineName(machine)})`);
  const type = view.getUint16(16, true);
  if (type !== EXECUTABLE && !(options.selfRelocating && type === SHARED)) {
    fail("no executable (e_type isn't ET_EXEC)");
  }

  const table = wide(32);
  const stride = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  if (count === 0) fail("has no program headers");
  if (stride !== PROGRAM_HEADER_SIZE) fail(`program headers of ${stride} bytes, not ${PROGRAM_HEADER_SIZE}`);
  if (table + count * stride > bytes.length) fail("truncated: its program headers lie beyond the end of the file");

  const segments: ElfSegment[] = [];
  let entry: number | undefined;
  const virtualEntry = view.getBigUint64(24, true);
  let lowest = virtualEntry;
  for (let i = 0; i < count; i++) {
    const header = table + i * stride;
    const type = view.getUint32(header, true);
    if (type === PT_INTERP || (type === PT_DYNAMIC && !options.selfRelocating)) fail("dynamically linked");
    if (type !== PT_LOAD) continue;
    const offset = wide(header + 8);
    const virtual = view.getBigUint64(header + 16, true);
    const address = wide(header + 24);
    const inFile = wide(header + 32);
    const size = wide(header + 40);
    if (inFile > size) fail(`segment ${i} has more bytes in the file than in memory`);
    if (offset + inFile > bytes.length) fail(`truncated: segment ${i} lies beyond the end of the file`);
    if (!Number.isSafeInteger(address + size)) fail(`segment ${i} lies beyond every address`);
    if (size === 0) continue;
    if (virtualEntry >= virtual && virtualEntry < virtual + BigInt(size)) {
      entry = address + Number(virtualEntry - virtual);
    }
    if (virtual < lowest) lowest = virtual;
    segments.push({ address, data: bytes.subarray(offset, offset + inFile), size });
  }
  if (segments.length === 0) fail("has nothing to load");
  if (entry === undefined) fail(`its entry 0x${virtualEntry.toString(16)} lies in no segment`);
  segments.sort((a, b) => a.address - b.address);
  for (let i = 1; i < segments.length; i++) {
    const before = segments[i - 1];
    if (before.address + before.size > segments[i].address) {
      fail(`segments overlap at 0x${segments[i].address.toString(16)}`);
    }
  }
  return { entry: entry!, segments, virtual: lowest };
}

/** Zeros are stored in pieces of this size, in bytes. */
const ZEROS = new Uint8Array(0x1_0000);

/** Puts segments into memory, zeros included. */
export function storeSegments(
  segments: readonly ElfSegment[],
  store: (address: number, bytes: Uint8Array) => void,
): void {
  for (const { address, data, size } of segments) {
    store(address, data);
    for (let at = data.length; at < size; at += ZEROS.length) {
      store(address + at, ZEROS.subarray(0, Math.min(ZEROS.length, size - at)));
    }
  }
}

/**
 * Loads a program.
 * @param room physical addresses that it may use
 * @param store puts bytes at a physical address
 * @returns the entry
 */
export function loadElf(
  bytes: Uint8Array,
  name: string,
  room: { start: number; size: number },
  store: (address: number, bytes: Uint8Array) => void,
): number {
  const image = parseElf(bytes, name);
  const end = room.start + room.size;
  for (const { address, size } of image.segments) {
    if (address < room.start || address + size > end) {
      throw new UserError(
        `is linked at 0x${address.toString(16)}…0x${(address + size).toString(16)}, outside RAM`,
        name,
        `Link it between 0x${room.start.toString(16)} and 0x${end.toString(16)}, or give the machine more memory`,
      );
    }
  }
  storeSegments(image.segments, store);
  return image.entry;
}

const SHT_SYMTAB = 2;
const SECTION_HEADER_SIZE = 64;
const SYMBOL_SIZE = 24;

/** Value of a symbol, or undefined when the file names none such. */
export function elfSymbol(bytes: Uint8Array, symbol: string): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = (offset: number) => view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
  if (bytes.length < HEADER_SIZE) return undefined;
  const table = wide(40);
  const count = view.getUint16(60, true);
  if (table + count * SECTION_HEADER_SIZE > bytes.length) return undefined;
  for (let i = 0; i < count; i++) {
    const section = table + i * SECTION_HEADER_SIZE;
    if (view.getUint32(section + 4, true) !== SHT_SYMTAB) continue;
    const names = table + view.getUint32(section + 40, true) * SECTION_HEADER_SIZE;
    if (names + SECTION_HEADER_SIZE > bytes.length) return undefined;
    const start = wide(section + 24);
    const end = Math.min(start + wide(section + 32), bytes.length - SYMBOL_SIZE + 1);
    for (let at = start; at < end; at += SYMBOL_SIZE) {
      if (textAt(bytes, wide(names + 24) + view.getUint32(at, true)) === symbol) return wide(at + 8);
    }
  }
  return undefined;
}

function textAt(bytes: Uint8Array, start: number): string {
  const end = bytes.indexOf(0, start);
  return new TextDecoder().decode(bytes.subarray(start, end < 0 ? bytes.length : end));
}
