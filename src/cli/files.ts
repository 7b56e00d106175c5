// Files of the user: read whole, checked first; written beside their place and renamed.
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { checkImage, parseElf, UserError } from "../index.js";

const MAX_IMAGE = 2 ** 31;

/** The directory of the package, from a source file as well as from the bundle. */
function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "package.json"))) directory = dirname(directory);
  return directory;
}

export function version(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string }).version;
}

/** The guest program that comes with Yado. */
export function probe(): Uint8Array {
  return readGuest(join(packageRoot(), "guests", "probe", "probe.elf"), "guests/probe/probe.elf");
}

/** An experiment behind a claim, by its name. */
export function claimsScenario(name: string): string {
  return join(packageRoot(), "scenarios", "claims", `${name}.yaml`);
}

export function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words: Readonly<Record<string, string>> = {
    ENOENT: "there is no such file",
    EACCES: "it may not be read",
    EISDIR: "it is a directory",
    ENOTDIR: "a part of its path is no directory",
    ENOSPC: "there is no space left",
    EROFS: "its file system is read-only",
  };
  return words[code ?? ""] ?? message;
}

function readable(path: string, place: string): number {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    throw new UserError(`can't open ${path}: ${reason(error)}`, place, "Check the path");
  }
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new UserError(`${path} is no regular file`, place, "Give a file");
}

/** A disk image, in memory that workers can share. The file is only read. */
export function readDisk(path: string, place: string): Uint8Array {
  const file = readable(path, place);
  try {
    const { size } = fstatSync(file);
    checkImage(size, `${place}: ${path}`);
    if (size > MAX_IMAGE) {
      throw new UserError(`${path} has ${size} bytes`, place, `Images of up to ${MAX_IMAGE} bytes can be used`);
    }
    const image = new Uint8Array(new SharedArrayBuffer(size));
    for (let at = 0; at < size; ) {
      const got = readSync(file, image, at, Math.min(size - at, 2 ** 26), at);
      if (got === 0) throw new UserError(`${path} became shorter while it was read`, place, "Try again");
      at += got;
    }
    return image;
  } finally {
    closeSync(file);
  }
}

/** A guest program: a RISC-V ELF file. */
export function readGuest(path: string, place: string): Uint8Array {
  const file = readable(path, place);
  try {
    const bytes = new Uint8Array(readFileSync(file));
    parseElf(bytes, path);
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** A file as it is, of at most `most` bytes. */
export function readBytes(path: string, place: string, most: number): Uint8Array {
  const file = readable(path, place);
  try {
    const { size } = fstatSync(file);
    if (size > most) throw new UserError(`${path} has ${size} bytes`, place, `At most ${most} bytes can be used`);
    return new Uint8Array(readFileSync(file));
  } finally {
    closeSync(file);
  }
}

/** The first bytes of a file, at most `length`. */
export function readStart(path: string, length: number, place: string): Uint8Array {
  const file = readable(path, place);
  try {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, readSync(file, bytes, 0, length, 0));
  } finally {
    closeSync(file);
  }
}

export function readText(path: string, place: string): string {
  const file = readable(path, place);
  try {
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** Whether a path is a character device, a pipe or an open file of this process: written to as it is, not replaced. */
function takesBytes(target: string): boolean {
  if (/^\/(dev\/(fd|stderr)|proc\/)/.test(target)) return true;
  if (!existsSync(target)) return false;
  const stat = statSync(target);
  return stat.isCharacterDevice() || stat.isFIFO();
}

/** Checks, before anything runs, that a file can be written and is none of those that are read. */
export function checkOutput(path: string, place: string, inputs: readonly string[] = []): void {
  const target = resolve(path);
  if (takesBytes(target)) return;
  if (existsSync(target) && !statSync(target).isFile()) {
    throw new UserError(`${path} is no regular file`, place, "Give the name of a file, or - for standard output");
  }
  try {
    accessSync(dirname(target), constants.W_OK);
    if (!statSync(dirname(target)).isDirectory()) throw new Error();
  } catch {
    throw new UserError(`can't write into ${dirname(path)}`, place, "Name a directory that exists and may be written");
  }
  const same = (input: string) =>
    existsSync(target) && existsSync(input) && realpathSync(input) === realpathSync(target);
  if (inputs.some(same))
    throw new UserError(`${path} is read by this run`, place, "Choose another file for the output");
}

/**
 * Writes all or nothing: to a file beside it, which then takes its place. To a device or a pipe as it is.
 * @param place of the path, for messages
 */
export function writeWhole(path: string, data: string | Uint8Array, place: string): void {
  try {
    if (takesBytes(resolve(path))) writeFileSync(path, data, { flag: "a" });
    else replace(path, data);
  } catch (error) {
    throw new UserError(`can't write ${path}: ${reason(error)}`, place, "Choose another file, or make room");
  }
}

function replace(path: string, data: string | Uint8Array): void {
  const target = existsSync(path) ? realpathSync(path) : resolve(path);
  const draft = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
  try {
    writeFileSync(draft, data, { mode: existsSync(target) ? statSync(target).mode : 0o666 });
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
