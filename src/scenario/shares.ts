// How devices that the VMM drives were shared out: what each guest was given, and what while all of them wanted something.
import { UserError } from "../platform/user-error.js";
import type { DevicePart } from "../vmm/hosted.js";
import type { DeviceModes } from "../vmm/types.js";
import type { DeviceShares, GuestShare, ShareConfig } from "./types.js";
import { MODES } from "./workload.js";

/**
 * Checks that a guest's shares are those of devices that the VMM drives for it.
 * @param place of `disk`, `nic` and what stands below them: "disk.weight"
 */
export function checkShare(share: ShareConfig | undefined, modes: DeviceModes, place: (key: string) => string): void {
  for (const device of ["disk", "nic"] as const) {
    const own = share?.[device];
    if (!own) continue;
    const mode = modes[device];
    const what = device === "disk" ? "disk" : "network interface";
    if (!mode) throw new UserError(`a share of a ${what} for a guest without one`, place(device), "Leave it out");
    if (!MODES[mode].shares) {
      throw new UserError(
        `mode ${mode} has the whole ${what}: the VMM shares nothing out`,
        place(device),
        "Leave the share out, or choose emulated or paravirtual",
      );
    }
    for (const [key, value] of Object.entries(own)) {
      if (value === undefined || (value > 0 && value < Infinity)) continue;
      throw new UserError(`${value} is no ${key}`, place(`${device}.${key}`), "Give a number above 0");
    }
  }
}

/** A moment of a run: the clock, and the bytes that were given for each part so far; none before the VMM was there. */
interface Moment {
  readonly clock: number;
  readonly served: readonly number[];
}

/**
 * @param guests by index
 * @param regions begin and end of each guest's region of interest
 */
export function sharesOf(
  parts: readonly DevicePart[],
  guests: readonly { readonly name: string }[],
  regions: readonly { readonly begin: Moment; readonly end: Moment }[],
): DeviceShares[] {
  const devices = new Map<string, number[]>();
  for (const [i, { device, index }] of parts.entries()) {
    const key = `${device} ${index}`;
    devices.set(key, [...(devices.get(key) ?? []), i]);
  }
  return [...devices.values()]
    .filter((own) => own.length > 1 || limited(parts[own[0]]))
    .map((own) => {
      const { device, index } = parts[own[0]];
      const begin = own.map((i) => regions[parts[i].guest].begin).reduce((a, b) => (b.clock > a.clock ? b : a));
      const end = own.map((i) => regions[parts[i].guest].end).reduce((a, b) => (b.clock < a.clock ? b : a));
      const share = (i: number): GuestShare => {
        const { guest, turns } = parts[i];
        const { weight = 1, rate = null, pieces = null } = parts[i].share;
        const common = end.clock > begin.clock ? (end.served[i] ?? 0) - (begin.served[i] ?? 0) : 0;
        return { name: guests[guest].name, weight, rate, iops: pieces, ...turns, commonBytes: common };
      };
      return { device, index, begin: begin.clock, end: end.clock, guests: own.map(share) };
    });
}

function limited({ share: { weight, rate, pieces } }: DevicePart): boolean {
  return weight !== undefined || rate !== undefined || pieces !== undefined;
}
