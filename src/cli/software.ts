// Kernels and initial RAM disks as files: read, decompressed and looked over before a machine is made.
import { gunzipSync, type Gunzip as Stream } from "node:zlib";
import { checkInitrd, type SoftwareFile, UserError } from "../index.js";
import { readBytes } from "./files.js";

/** More than any machine's memory. */
const MOST = 2 ** 31;

/** Firmware or a kernel; `raw`: not even decompressed. `memory`: bytes that it may grow to. */
export function readProgram(path: string, flag: string, memory: number, raw = false): SoftwareFile {
  const bytes = readBytes(path, flag, MOST);
  const name = `${flag}: ${path}`;
  return { bytes: raw ? bytes : unpacked(bytes, name, memory), name, raw };
}

export function readInitrd(path: string, flag: string, memory: number): SoftwareFile {
  const file = { bytes: readBytes(path, flag, MOST), name: `${flag}: ${path}` };
  checkInitrd(file, (bytes) => gunzip(bytes, file.name, memory).length);
  return file;
}

const at = (bytes: Uint8Array, offset: number, mark: string) =>
  [...mark].every((letter, i) => bytes[offset + i] === letter.charCodeAt(0));

/** The program inside gzip, or inside Linux's EFI wrapper around gzip (drivers/firmware/efi/libstub/zboot-header.S). */
function unpacked(bytes: Uint8Array, name: string, most: number): Uint8Array {
  if (at(bytes, 0, "\x1f\x8b")) return gunzip(bytes, name, most).bytes;
  if (!at(bytes, 0, "MZ") || !at(bytes, 4, "zimg")) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 64) throw new UserError("truncated", name, "Copy it again");
  if (!at(bytes, 24, "gzip\0")) {
    throw new UserError("an EFI kernel compressed otherwise than with gzip", name, "Give the Image inside it");
  }
  const start = view.getUint32(8, true);
  const end = start + view.getUint32(12, true);
  if (end > bytes.length) throw new UserError(`truncated: ${bytes.length} of ${end} bytes`, name, "Copy it again");
  return gunzip(bytes.subarray(start, end), name, most).bytes;
}

/** What a gzip file holds, and how many of its bytes that took. */
function gunzip(bytes: Uint8Array, name: string, most: number): { bytes: Uint8Array; length: number } {
  try {
    const unpacked = gunzipSync(bytes, { maxOutputLength: most, info: true }) as unknown as {
      buffer: Uint8Array;
      engine: Stream;
    };
    return { bytes: new Uint8Array(unpacked.buffer), length: unpacked.engine.bytesWritten };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE") {
      throw new UserError(
        `decompresses to more than the machine's ${most / 2 ** 20} MiB of memory`,
        name,
        "Give the machine more memory (-m)",
      );
    }
    throw new UserError(`corrupt or truncated (gzip: ${message})`, name, "Make or copy it again");
  }
}
