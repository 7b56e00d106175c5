// Files that the VMM keeps on a physical disk: where it lays them out, and what stands in them.
import { bytes } from "../metrics/format.js";
import { UserError } from "../platform/user-error.js";
import { type Extent, EXTENT_BYTES, layOut } from "../vmm/extents.js";
import { suggest } from "./near.js";
import { checkImage } from "./resolve.js";
import type { ScenarioFile } from "./schema.js";

type DiskEntry = NonNullable<ScenarioFile["disks"]>[number];

/** A file: its name and where its bytes lie. */
export interface DiskFile {
  readonly name: string;
  readonly extents: readonly Extent[];
}

const PAGE = 4096;

/**
 * Lays a disk's files out.
 * @param size bytes of the disk
 * @param place of a key of the disk's entry
 * @param load gets a file's contents
 * @returns the files, and the disk's contents with theirs in it
 */
export function resolveFiles(
  { files = [], extent = EXTENT_BYTES }: DiskEntry,
  disk: { readonly size: number; readonly image: Uint8Array },
  place: (...key: (string | number)[]) => string,
  load: (file: string, place: string) => Uint8Array,
): { readonly files: readonly DiskFile[]; readonly image: Uint8Array } {
  if (extent < PAGE || extent % PAGE !== 0) {
    throw new UserError(`pieces of ${bytes(extent)}`, place("extent"), "Give a multiple of 4K");
  }
  const contents = files.map(({ name, size, image }, i) => {
    if (files.findIndex((other) => other.name === name) !== i) {
      throw new UserError(
        `a second file called "${name}"`,
        place("files", i, "name"),
        "Give each file a name of its own",
      );
    }
    const data = image === undefined ? new Uint8Array(0) : load(image, place("files", i, "image"));
    const length = size ?? data.length;
    if (size === undefined && image === undefined) {
      throw new UserError("neither a size nor an image", place("files", i), "Give it one of them");
    }
    checkImage(length, place("files", i, size === undefined ? "image" : "size"));
    if (data.length > length) {
      throw new UserError(
        `the file is smaller than the ${data.length} bytes of its image`,
        place("files", i, "size"),
        "Leave size out, or make it larger",
      );
    }
    return { name, image, data, length };
  });
  const sizes = contents.map(({ length }) => length);
  const all = sizes.reduce((sum, length) => sum + length, 0);
  if (all > disk.size) {
    throw new UserError(
      `files of ${bytes(all)} on a disk of ${bytes(disk.size)}`,
      place("files"),
      "Give the disk a larger size",
    );
  }
  const laid = layOut(sizes, extent).map((extents, i): DiskFile => ({ name: contents[i].name, extents }));
  if (contents.every(({ image }) => image === undefined)) return { files: laid, image: disk.image };
  const image = new Uint8Array(disk.size);
  image.set(disk.image);
  for (const [i, { data, image: given }] of contents.entries()) {
    if (given !== undefined) scatter(image, laid[i].extents, data);
  }
  return { files: laid, image };
}

/** Writes a file's contents to its extents; zeros behind them. */
function scatter(disk: Uint8Array, extents: readonly Extent[], data: Uint8Array): void {
  let at = 0;
  for (const { start, length } of extents) {
    const part = data.subarray(at, at + length);
    disk.set(part, start);
    disk.fill(0, start + part.length, start + length);
    at += length;
  }
}

/** The first `length` bytes of a file, or of any runs of a disk; zeros beyond its image. */
export function gather(disk: Uint8Array, extents: readonly Extent[], length: number): Uint8Array {
  const data = new Uint8Array(length);
  let at = 0;
  for (const extent of extents) {
    const part = Math.min(extent.length, length - at);
    if (part <= 0) break;
    data.set(disk.subarray(extent.start, extent.start + part), at);
    at += part;
  }
  return data;
}

/** The file that a guest names. */
export function chosenFile(name: string, files: readonly DiskFile[], disk: string, place: string): DiskFile {
  const file = files.find((one) => one.name === name);
  if (file) return file;
  const names = files.map((one) => one.name);
  if (names.length === 0)
    throw new UserError(`disk "${disk}" has no files`, place, "Name them at the disk, or give a range");
  throw new UserError(`no file of disk "${disk}" is called "${name}"`, place, suggest(name, names));
}

export const sizeOf = (extents: readonly Extent[]): number => extents.reduce((sum, { length }) => sum + length, 0);
