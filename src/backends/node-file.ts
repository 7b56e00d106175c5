// Disk images in files. A file is opened for reading only; a commit writes a copy and puts it in the file's place, so
// that the file is never half written.
import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../platform/user-error.js";
import { DiskImage, type ImageSource, SECTOR_BYTES } from "./disk-image.js";

class FileSource implements ImageSource {
  constructor(
    readonly name: string,
    private readonly path: string,
    private file: number,
    readonly size: number,
  ) {}

  read(offset: number, target: Uint8Array): boolean {
    try {
      for (let at = 0; at < target.length; ) {
        const bytes = readSync(this.file, target, at, target.length - at, offset + at);
        if (bytes === 0) return false;
        at += bytes;
      }
      return true;
    } catch {
      return false;
    }
  }

  commit(pages: Iterable<readonly [offset: number, bytes: Uint8Array]>): void {
    let folder: string | undefined;
    try {
      folder = mkdtempSync(join(dirname(this.path), ".yado-")); // beside the image: a rename stays in one file system
      const copy = join(folder, "image");
      copyFileSync(this.path, copy, constants.COPYFILE_FICLONE);
      const file = openSync(copy, "r+");
      try {
        for (const [offset, bytes] of pages) writeAll(file, bytes, offset);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(copy, this.path);
    } catch (error) {
      const problem = `the image can't be written (${reason(error)})`;
      throw new UserError(problem, this.name, "It is unchanged. Check space and permissions.");
    } finally {
      if (folder) rmSync(folder, { recursive: true, force: true });
    }
    closeSync(this.file);
    this.file = openSync(this.path, "r");
  }

  close(): void {
    closeSync(this.file);
  }
}

function writeAll(file: number, bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, offset + at);
}

const reason = (error: unknown) => (error instanceof Error ? error.message : String(error));

/**
 * Opens a raw image of a multiple of 512 bytes.
 *
 * @param path as the user gave it; messages name it
 * @param readOnly whether writes are refused
 */
export function openImage(path: string, readOnly = false): DiskImage {
  let file: number;
  let real: string;
  try {
    real = realpathSync(path);
    file = openSync(real, "r");
  } catch (error) {
    throw new UserError(`the image can't be opened (${reason(error)})`, path, "Name a raw disk image.");
  }
  const status = fstatSync(file);
  const problem = !status.isFile()
    ? "not a regular file"
    : status.size === 0
      ? "the image is empty"
      : status.size % SECTOR_BYTES !== 0
        ? `its size, ${status.size} bytes, is no multiple of ${SECTOR_BYTES}`
        : undefined;
  if (problem) {
    closeSync(file);
    throw new UserError(problem, path, `Name a raw disk image of whole ${SECTOR_BYTES}-byte sectors.`);
  }
  return new DiskImage(new FileSource(path, real, file, status.size), readOnly);
}

/** SHA-256 of the contents, overlay included, in lower-case hexadecimal. */
export function sha256(image: DiskImage): string {
  const hash = createHash("sha256");
  for (const chunk of image.chunks()) hash.update(chunk);
  return hash.digest("hex");
}
