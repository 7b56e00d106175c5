// Programs that may start on the machine, by the look of their first bytes, and where each wants to lie.
// Linux, Documentation/arch/riscv: "Boot image header in RISC-V Linux", "RISC-V Kernel Boot Requirements and
// Constraints"; PE Format, "Section Table".
import { type ElfImage, parseElf } from "./elf.js";
import { KERNEL_OFFSET, RAM_START } from "./memory-map.js";
import { UserError } from "./user-error.js";

/** A file as the user gave it. */
export interface SoftwareFile {
  readonly bytes: Uint8Array;
  /** In messages: option and path. */
  readonly name: string;
  /** Load it as it is, whatever it looks like. */
  readonly raw?: boolean;
}

/** A program and its place in physical memory. */
export interface Program extends Pick<ElfImage, "entry" | "segments"> {
  readonly name: string;
}

/** What a name of bytes is known by. */
interface Mark {
  readonly at: number;
  readonly bytes: readonly number[];
  readonly what: string;
  readonly remedy: string;
}

const text = (letters: string): number[] => [...letters].map((letter) => letter.charCodeAt(0));
const DECOMPRESS = "Decompress it first";
const OTHER = "Give a kernel for RISC-V, RV64 (arch/riscv/boot/Image)";

/** What a kernel is not; the first mark that fits explains the refusal. */
const STRANGERS: readonly Mark[] = [
  { at: 56, bytes: text("ARMd"), what: "a kernel for AArch64", remedy: OTHER },
  { at: 0x202, bytes: text("HdrS"), what: "a kernel for x86", remedy: OTHER },
  { at: 0, bytes: [0x27, 0x05, 0x19, 0x56], what: "a U-Boot image (uImage)", remedy: "Give the Image inside it" },
  { at: 0, bytes: [0xd0, 0x0d, 0xfe, 0xed], what: "a device tree or a FIT image", remedy: OTHER },
  { at: 0, bytes: [0x1f, 0x8b], what: "compressed with gzip", remedy: DECOMPRESS },
  { at: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd], what: "compressed with zstd", remedy: DECOMPRESS },
  { at: 0, bytes: [0xfd, ...text("7zXZ")], what: "compressed with xz", remedy: DECOMPRESS },
  { at: 0, bytes: text("BZh"), what: "compressed with bzip2", remedy: DECOMPRESS },
  { at: 0, bytes: [0x02, 0x21, 0x4c, 0x18], what: "compressed with lz4", remedy: DECOMPRESS },
  { at: 0, bytes: [0x04, 0x22, 0x4d, 0x18], what: "compressed with lz4", remedy: DECOMPRESS },
  { at: 0, bytes: [0x89, ...text("LZO")], what: "compressed with lzop", remedy: DECOMPRESS },
  { at: 0, bytes: [0x5d, 0, 0], what: "compressed with lzma", remedy: DECOMPRESS },
  { at: 0, bytes: text("MZ"), what: "an EFI program without a RISC-V Image header", remedy: OTHER },
];

function bears(bytes: Uint8Array, { at, bytes: mark }: Pick<Mark, "at" | "bytes">): boolean {
  return mark.every((byte, i) => bytes[at + i] === byte);
}

const ELF = { at: 0, bytes: [0x7f, ...text("ELF")] };
export const isElf = (bytes: Uint8Array): boolean => bears(bytes, ELF);
/** magic2 of the Image header. */
const IMAGE = { at: 56, bytes: [...text("RSC"), 5] };
const IMAGE_HEADER_SIZE = 64;
/** Places a kernel may begin at: it maps itself with pages of 2 MiB. */
const ALIGNMENT = 0x20_0000;
/** text_offset of kernels that RV32 builds. */
const RV32_TEXT_OFFSET = 0x40_0000;

/**
 * Recognizes a kernel: ELF or Linux `Image`; anything else only where `raw` says so.
 * @param base lowest address at which an Image may lie; an ELF file has its own places
 */
export function readKernel(file: SoftwareFile, base = RAM_START + KERNEL_OFFSET): Program {
  const { bytes, name } = file;
  if (bytes.length === 0) throw new UserError("the file is empty", name, OTHER);
  if (file.raw) return flat(file, base, bytes.length);
  if (isElf(bytes)) return moved(parseElf(bytes, name), name, base);
  if (bears(bytes, IMAGE)) return readImage(file, base);
  const stranger = STRANGERS.find((mark) => bears(bytes, mark));
  if (stranger) throw new UserError(stranger.what, name, stranger.remedy);
  throw new UserError(
    "neither an ELF file nor a Linux Image",
    name,
    "Give a RISC-V kernel, or say --kernel-format raw for a binary to be loaded as it is",
  );
}

/** Recognizes firmware: ELF, or else a binary for the start of RAM. `room`: bytes that a binary may use beyond its own. */
export function readFirmware(file: SoftwareFile, room: number): Program {
  const { bytes, name } = file;
  if (bytes.length === 0) throw new UserError("the file is empty", name, "Give firmware, such as OpenSBI's fw_dynamic");
  if (!file.raw && isElf(bytes)) {
    const image = parseElf(bytes, name, { selfRelocating: true });
    return image.segments[0].address === 0 ? shifted(image, name, RAM_START) : { ...image, name };
  }
  const stranger = STRANGERS.find((mark) => bears(bytes, mark));
  if (stranger && !file.raw) {
    throw new UserError(stranger.what, name, "Give firmware, such as OpenSBI's fw_dynamic.bin");
  }
  return flat(file, RAM_START, Math.max(bytes.length, room));
}

function flat({ bytes, name }: SoftwareFile, address: number, size: number): Program {
  return { name, entry: address, segments: [{ address, data: bytes, size }] };
}

function shifted({ entry, segments }: ElfImage, name: string, by: number): Program {
  return {
    name,
    entry: entry + by,
    segments: segments.map((segment) => ({ ...segment, address: segment.address + by })),
  };
}

/** Linux's vmlinux counts its physical addresses from 0 and runs wherever it is put. */
function moved(image: ElfImage, name: string, base: number): Program {
  const lowest = image.segments[0].address;
  const anywhere = image.virtual >> 63n === 1n && lowest < RAM_START;
  return anywhere ? shifted(image, name, roundUp(base, ALIGNMENT) - lowest) : { ...image, name };
}

function readImage({ bytes, name }: SoftwareFile, base: number): Program {
  const fail = (problem: string, remedy = OTHER): never => {
    throw new UserError(problem, name, remedy);
  };
  if (bytes.length < IMAGE_HEADER_SIZE) fail(`truncated: ${bytes.length} bytes don't hold the Image header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const textOffset = Number(view.getBigUint64(8, true));
  const imageSize = Number(view.getBigUint64(16, true));
  const flags = view.getUint32(24, true);
  const version = view.getUint32(32, true);
  if (flags & 1) fail("an Image for a big-endian machine");
  if (textOffset === RV32_TEXT_OFFSET) fail("an Image for RV32 (text_offset 0x400000)");
  if (version >>> 16 !== 0) fail(`an Image with a header of version ${version >>> 16}.${version & 0xffff}`);
  if (!Number.isSafeInteger(textOffset) || !Number.isSafeInteger(imageSize)) {
    fail(`corrupt: text_offset 0x${textOffset.toString(16)}, image_size 0x${imageSize.toString(16)}`);
  }
  const whole = peEnd(view);
  if (whole > bytes.length) fail(`truncated: ${bytes.length} of ${whole} bytes`, "Copy it again");
  // text_offset counts from the start of RAM; firmware may need more than that below the kernel
  const address = roundUp(Math.max(RAM_START + textOffset, base), ALIGNMENT);
  return { name, entry: address, segments: [{ address, data: bytes, size: Math.max(imageSize, bytes.length) }] };
}

const MZ = 0x5a4d;
const PE = 0x4550;
const PE_OFFSET = 60;
const COFF_SIZE = 24;
const SECTION_SIZE = 40;

/** Where the last section of a kernel with an EFI stub ends in the file; 0 when it has none. */
function peEnd(view: DataView): number {
  if (view.getUint16(0, true) !== MZ) return 0;
  const header = view.getUint32(PE_OFFSET, true);
  if (header + COFF_SIZE > view.byteLength) return header + COFF_SIZE;
  if (view.getUint32(header, true) !== PE) return 0;
  const count = view.getUint16(header + 6, true);
  const sections = header + COFF_SIZE + view.getUint16(header + 20, true);
  let end = sections + count * SECTION_SIZE;
  if (end > view.byteLength) return end;
  for (let at = sections, last = end; at < last; at += SECTION_SIZE) {
    end = Math.max(end, view.getUint32(at + 16, true) + view.getUint32(at + 20, true));
  }
  return end;
}

export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
