// The physical devices that a scenario names, and which of them a guest has.
import { generatedBytes } from "../backends/disk-image.js";
import type { DiskInterface } from "../platform/board.js";
import { lineRate } from "../platform/serial.js";
import { UserError } from "../platform/user-error.js";
import { type DiskFile, resolveFiles } from "./disk-files.js";
import { MOST_DEVICES } from "./defaults.js";
import { suggest } from "./near.js";
import { checkImage, DEFAULT_DISK_SIZE } from "./resolve.js";
import type { Loader } from "./scenario.js";
import type { ScenarioFile } from "./schema.js";
import type { NicConfig } from "./types.js";
import { isFile, usesDisk, usesNic } from "./workload.js";
import type { Located, Path } from "./yaml-source.js";

export type Guests = ScenarioFile["guests"];

export interface Disk {
  readonly name: string;
  readonly interface: DiskInterface;
  readonly image: Uint8Array;
  /** Bytes; beyond the image they are zeros. */
  readonly size: number;
  readonly depth: number | undefined;
  readonly files: readonly DiskFile[];
}

export interface Nic extends NicConfig {
  readonly name: string;
}

export interface Devices {
  readonly disks: readonly Disk[];
  readonly nics: readonly Nic[];
  readonly serials: readonly { readonly name: string; readonly baud?: number | undefined }[];
}

export function resolveDisks({ value, at }: Located<ScenarioFile>, load: Loader): Disk[] {
  const disks: Disk[] = [];
  if (value.disks && value.disks.length > MOST_DEVICES) {
    throw new UserError(
      `${value.disks.length} disks`,
      at(["disks", MOST_DEVICES]),
      `The machine has room for ${MOST_DEVICES}`,
    );
  }
  if (!value.disks && value.guests.every((guest) => !hasDisk(value, guest))) return disks;
  const entries: NonNullable<ScenarioFile["disks"]> = value.disks ?? [{ name: "disk" }];
  for (const [i, entry] of entries.entries()) {
    const { name, file, size, depth, interface: controller = "nvme" } = entry;
    const place = (key: string): Path => ["disks", i, key];
    if (disks.some((disk) => disk.name === name)) {
      throw new UserError(`a second disk called "${name}"`, at(place("name")), "Give each disk a name of its own");
    }
    if (size !== undefined) checkImage(size, at(place("size")));
    const image =
      file === undefined ? generatedBytes(size ?? DEFAULT_DISK_SIZE, 1 + i) : load.disk(file, at(place("file")));
    if (size === undefined) checkImage(image.length, at(place("file")));
    if (size !== undefined && image.length > size) {
      throw new UserError(
        `the disk is smaller than the ${image.length} bytes of its file`,
        at(place("size")),
        "Leave size out, or make it larger",
      );
    }
    const disk = { name, interface: controller, size: size ?? image.length, depth };
    const placeOf = (...key: (string | number)[]) => at(["disks", i, ...key]);
    disks.push({ ...disk, ...resolveFiles(entry, { ...disk, image }, placeOf, load.disk) });
  }
  return disks;
}

const kindOf = (file: ScenarioFile, guest: Guests[number]) => guest.workload?.kind ?? file.workload?.kind ?? "checksum";

export function hasDisk(file: ScenarioFile, guest: Guests[number]): boolean {
  const kind = kindOf(file, guest);
  return (
    guest.disk !== undefined || guest.file !== undefined || isFile(kind) || (guest.nic === undefined && usesDisk(kind))
  );
}

export function hasNic(file: ScenarioFile, guest: Guests[number]): boolean {
  return guest.nic !== undefined || usesNic(kindOf(file, guest));
}

export function resolveNics({ value, at }: Located<ScenarioFile>, disks: number): Nic[] {
  const needed = value.guests.some((guest) => hasNic(value, guest));
  const nics = value.nics ?? (needed ? [{ name: "lan" }] : []);
  for (const [i, { name }] of nics.entries()) {
    if (nics.findIndex((nic) => nic.name === name) === i) continue;
    throw new UserError(
      `a second network interface called "${name}"`,
      at(["nics", i, "name"]),
      "Give each a name of its own",
    );
  }
  if (disks + nics.length > MOST_DEVICES) {
    throw new UserError(
      `${disks} disks and ${nics.length} network interfaces`,
      at(["nics"]),
      `The machine has room for ${MOST_DEVICES} in all`,
    );
  }
  return nics;
}

export function resolveSerials({ value, at }: Located<ScenarioFile>): Devices["serials"] {
  const serials = value.serials ?? [{ name: "serial" }];
  for (const [i, { name, baud }] of serials.entries()) {
    if (baud !== undefined) lineRate(baud, at(["serials", i, "baud"]));
    if (serials.findIndex((line) => line.name === name) === i) continue;
    throw new UserError(
      `a second serial line called "${name}"`,
      at(["serials", i, "name"]),
      "Give each a name of its own",
    );
  }
  return serials;
}

/** The index of the device that a guest names, the first if it names none. */
export function chosenDevice(
  named: string | undefined,
  devices: readonly { readonly name: string }[],
  what: string,
  place: string,
): number {
  const index = named === undefined ? 0 : devices.findIndex((device) => device.name === named);
  if (index >= 0) return index;
  const names = devices.map((device) => device.name);
  throw new UserError(`no ${what} is called "${named}"`, place, suggest(named ?? "", names));
}
