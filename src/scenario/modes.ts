// One mode per device of a guest: a scenario may name a single one for disk and network interface, or one for each.
import { UserError } from "../platform/user-error.js";
import type { AttachModeName, DeviceModes, SerialModeName } from "../vmm/types.js";

/**
 * A mode for disk and network interface, or for the serial line of a guest that has neither; or one per device that the
 * guest has, where that of the serial line may be left out.
 */
export type ModeChoice = AttachModeName | { readonly [device in keyof DeviceModes]?: AttachModeName | undefined };

/** The name that disk and network interface agree on. */
export type CommonMode = AttachModeName | "mixed";

/** Of a guest that has `disk`, `nic` or both. `place` is where the mode is written, for the message if one is missing. */
export function deviceModes(
  choice: ModeChoice,
  has: { readonly disk: boolean; readonly nic: boolean },
  place: string,
): DeviceModes {
  const alone = !has.disk && !has.nic;
  const named =
    typeof choice === "string" ? { disk: choice, nic: choice, ...(alone ? { serial: choice } : {}) } : choice;
  const of = (device: "disk" | "nic", what: string) => {
    if (!has[device]) return {};
    const mode = named[device];
    if (mode === undefined) {
      throw new UserError(`no mode for its ${what}`, place, `Give it one, as in { ${device}: emulated }`);
    }
    return { [device]: mode };
  };
  const modes = { ...of("disk", "disk"), ...of("nic", "network interface") };
  const isNative = !alone && Object.values(modes).every((mode) => mode === "native");
  const ofSerial = "serial" in named ? named.serial : undefined;
  return { ...modes, serial: serialMode(ofSerial ?? (isNative ? "native" : "emulated"), place) };
}

const SERIAL_MODES = { native: true, emulated: true, assigned: true, paravirtual: true } as const satisfies Record<
  SerialModeName,
  true
>;
export const SERIAL_MODE_NAMES = Object.keys(SERIAL_MODES) as SerialModeName[];

function serialMode(mode: AttachModeName, place: string): SerialModeName {
  const known = SERIAL_MODE_NAMES.find((name) => name === mode);
  if (known) return known;
  throw new UserError(
    `no serial line is attached by ${mode}: it has no DMA, so no addresses to translate`,
    place,
    `Choose one of ${SERIAL_MODE_NAMES.join(", ")}`,
  );
}

/** Modes of disk and network interface, as far as the guest has them. */
export function attachedModes({ disk, nic }: DeviceModes): AttachModeName[] {
  return [disk, nic].filter((mode) => mode !== undefined);
}

export function commonMode(modes: DeviceModes): CommonMode {
  const [first = modes.serial, ...others] = attachedModes(modes);
  return others.every((mode) => mode === first) ? first : "mixed";
}

/** "assigned", or "assigned + paravirtual" for disk and network interface where they differ. */
export function spelledModes(modes: DeviceModes): string {
  const mode = commonMode(modes);
  return mode === "mixed" ? attachedModes(modes).join(" + ") : mode;
}
