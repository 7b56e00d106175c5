// One mode per device of a guest: a scenario may name a single one for disk and network interface, or one for each.
import { UserError } from "../platform/user-error.js";
import type { AttachModeName, DeviceModes } from "../vmm/types.js";

/** A mode for disk and network interface, or one per device that the guest has; that of the serial line may be left out. */
export type ModeChoice = AttachModeName | { readonly [device in keyof DeviceModes]?: AttachModeName | undefined };

/** The name that disk and network interface agree on. */
export type CommonMode = AttachModeName | "mixed";

/** Of a guest that has `disk`, `nic` or both. `place` is where the mode is written, for the message if one is missing. */
export function deviceModes(
  choice: ModeChoice,
  has: { readonly disk: boolean; readonly nic: boolean },
  place: string,
): DeviceModes {
  const named = typeof choice === "string" ? { disk: choice, nic: choice } : choice;
  const of = (device: "disk" | "nic", what: string) => {
    if (!has[device]) return {};
    const mode = named[device];
    if (mode === undefined) {
      throw new UserError(`no mode for its ${what}`, place, `Give it one, as in { ${device}: emulated }`);
    }
    return { [device]: mode };
  };
  const modes = { ...of("disk", "disk"), ...of("nic", "network interface") };
  const ofSerial = "serial" in named ? named.serial : undefined;
  const isNative = Object.values(modes).every((mode) => mode === "native");
  return { ...modes, serial: ofSerial ?? (isNative ? "native" : "emulated") };
}

/** Modes of disk and network interface, as far as the guest has them. */
export function attachedModes({ disk, nic }: DeviceModes): AttachModeName[] {
  return [disk, nic].filter((mode) => mode !== undefined);
}

export function commonMode(modes: DeviceModes): CommonMode {
  const [first = modes.serial, ...others] = attachedModes(modes);
  return others.every((mode) => mode === first) ? first : "mixed";
}
