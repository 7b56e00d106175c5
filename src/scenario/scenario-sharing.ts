// Whether the guests of a scenario can have their devices beside each other, and which part of a disk each has.
import { UserError } from "../platform/user-error.js";
import type { DeviceModes } from "../vmm/types.js";
import { chosenFile, type DiskFile, sizeOf } from "./disk-files.js";
import { attachedModes } from "./modes.js";
import { RESERVED_NAMES } from "./defaults.js";
import type { Devices, Disk, Guests } from "./scenario-devices.js";
import { MODES, SECTOR } from "./workload.js";
import type { Located } from "./yaml-source.js";

type At = Located<unknown>["at"];

export interface Range {
  readonly start: number;
  readonly length: number;
}

/** In place of a disk's index. */
export const NONE = -1;
export function checkNames(names: readonly string[], at: At): void {
  for (const [i, name] of names.entries()) {
    if (RESERVED_NAMES.includes(name))
      throw new UserError(`"${name}" is a word of the report`, at(["guests", i, "name"]), "Choose another name");
    if (names.indexOf(name) !== i) {
      throw new UserError(
        `a second guest called "${name}"`,
        at(["guests", i, "name"]),
        "Give each guest a name of its own",
      );
    }
  }
}

export function checkSharing(
  guests: Guests,
  modes: readonly DeviceModes[],
  names: readonly string[],
  chosen: readonly number[],
  disks: readonly Disk[],
  at: At,
): void {
  for (const [i, { range, file }] of guests.entries()) {
    const place = at(["guests", i, "mode"]);
    if (attachedModes(modes[i]).includes("native") && guests.length > 1) {
      throw new UserError(
        "a native guest owns the whole machine",
        place,
        "Let it be the only guest, or choose another mode",
      );
    }
    const { disk: mode } = modes[i];
    if (mode === undefined || MODES[mode].shares) continue;
    if (range || file !== undefined) {
      const key = range ? "range" : "file";
      throw new UserError(`a guest with mode ${mode} has the whole disk`, at(["guests", i, key]), `Leave ${key} out`);
    }
    const other = chosen.findIndex((disk, j) => j !== i && disk !== NONE && disk === chosen[i]);
    if (other >= 0) {
      throw new UserError(
        `mode ${mode} dedicates disk "${disks[chosen[i]].name}", but ${names[other]} uses it too`,
        place,
        "Give it a disk of its own, or let both use emulated or paravirtual",
      );
    }
  }
}

export function checkLines(
  modes: readonly DeviceModes[],
  names: readonly string[],
  lines: readonly number[],
  serials: Devices["serials"],
  at: At,
): void {
  for (const [i, { serial }] of modes.entries()) {
    const other = lines.findIndex((line, j) => j !== i && line === lines[i]);
    if (serial !== "assigned" || other < 0) continue;
    throw new UserError(
      `mode assigned dedicates serial line "${serials[lines[i]].name}", but ${names[other]} uses it too`,
      at(["guests", i, "mode"]),
      "Give it one of its own (serials, and the guest's serial), or let both use emulated or paravirtual",
    );
  }
}

/** The part of its disk that a guest sees: as written, or an equal share, in whole pages of 4 KiB where there is room. */
export function rangeOf(
  guests: Guests,
  chosen: readonly number[],
  disks: readonly Disk[],
  files: readonly (DiskFile | undefined)[],
  i: number,
): Range {
  const { range } = guests[i];
  if (chosen[i] === NONE) return { start: 0, length: 0 };
  const file = files[i];
  if (file) return { start: file.extents[0].start, length: sizeOf(file.extents) };
  if (range) return range;
  const { size } = disks[chosen[i]];
  const sharers = chosen.flatMap((disk, j) => (disk === chosen[i] ? [j] : []));
  if (sharers.length === 1) return { start: 0, length: size };
  const share = Math.floor(size / sharers.length);
  const unit = share >= 4096 ? 4096 : SECTOR;
  const length = share - (share % unit);
  return { start: sharers.indexOf(i) * length, length };
}

/** The file that is a guest's part of its disk; undefined for one that has a range. */
export function fileOf(
  { file, range }: Guests[number],
  disk: Disk,
  place: (key: string) => string,
): DiskFile | undefined {
  if (file === undefined) {
    if (disk.files.length === 0) return undefined;
    throw new UserError(`disk "${disk.name}" has files, and the guest names none`, place("disk"), "Give it a file");
  }
  if (range) throw new UserError("both a file and a range", place("range"), "Leave one of them out");
  return chosenFile(file, disk.files, disk.name, place("file"));
}

export function checkRanges(
  ranges: readonly Range[],
  files: readonly (DiskFile | undefined)[],
  names: readonly string[],
  chosen: readonly number[],
  disks: readonly Disk[],
  at: At,
): void {
  for (const [i, { start, length }] of ranges.entries()) {
    if (chosen[i] === NONE) continue;
    const place = at(["guests", i, "range"]);
    const disk = disks[chosen[i]];
    if (files[i]) {
      const first = files.indexOf(files[i]);
      if (first === i) continue;
      const where = at(["guests", i, "file"]);
      throw new UserError(`${names[first]} has that file`, where, "Give each guest a file of its own");
    }
    if (start % SECTOR !== 0 || length % SECTOR !== 0 || length === 0) {
      throw new UserError(
        "its range isn't made of whole sectors",
        place,
        "Give multiples of 512 bytes, and a length above 0",
      );
    }
    if (start + length > disk.size) {
      throw new UserError(
        `its range ends at byte ${start + length}, beyond the ${disk.size} of disk "${disk.name}"`,
        place,
        "Choose a range inside the disk",
      );
    }
    const other = ranges.findIndex(
      (range, j) =>
        j < i && chosen[j] === chosen[i] && start < range.start + range.length && range.start < start + length,
    );
    if (other >= 0)
      throw new UserError(`its range overlaps that of ${names[other]}`, place, "Give each guest a range of its own");
  }
}
