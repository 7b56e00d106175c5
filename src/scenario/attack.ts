// A hostile driver: it gives its disk or its network interface addresses that are not its own to name. The same attack
// under each attach mode.
import { generatedBytes } from "../backends/disk-image.js";
import { printable } from "../metrics/format.js";
import { UserError } from "../platform/user-error.js";
import type { AttachModeName, DiskName } from "../vmm/types.js";
import type { MachineOptions, Runner } from "./compare.js";
import type { AttackTarget, Damage, FaultRecord, GuestResult, RunConfig, RunResult, StopReason } from "./types.js";
import { forDisk, MODE_NAMES, MODES, NIC_OPTIONS } from "./workload.js";

export const ATTACK_TARGETS: readonly AttackTarget[] = ["vmm", "guest", "nowhere"];
/** Devices whose driver is hostile. */
export const ATTACK_DEVICES = ["disk", "nic"] as const;
export type AttackDevice = (typeof ATTACK_DEVICES)[number];
/** All modes with a VMM; a native guest has nobody beside it to attack. */
export const ATTACK_MODES: readonly AttachModeName[] = MODE_NAMES.filter((mode) => mode !== "native");
/** Without the one that must be named. */
export const DEFAULT_ATTACK_MODES: readonly AttachModeName[] = ATTACK_MODES.filter((mode) => MODES[mode].safe);

/** The modes that promise that nothing outside the guest changes. The other two rest on the driver's good will. */
const PROTECTING: readonly AttachModeName[] = ["emulated", "assigned", "assigned-rewrite", "paravirtual"];

const DISK_SIZE = 1024 * 1024;
const PAGE = 4096;

export interface AttackOptions {
  readonly kernel: Uint8Array;
  /** Default: the disk alone. */
  readonly devices?: readonly AttackDevice[];
  /** The disk's controller. Default "nvme". */
  readonly interface?: DiskName;
  readonly modes: readonly AttachModeName[];
  readonly targets: readonly AttackTarget[];
  /** Bytes of the attacker's RAM. */
  readonly memory: number;
  readonly machine: MachineOptions;
}

/**
 * One request of the attack. Of a disk: "read" has it write to the address, "write" has it read from there. Of a network
 * interface: "receive" and "send" name the address as a buffer's, "receive-ring" and "send-ring" as that of the ring
 * (paravirtual: of the queue). "check" is an ordinary request that follows each.
 */
export interface AttackOperation {
  readonly op: string;
  /** The forged address; null for the ordinary request that follows each forged one. */
  readonly address: string | null;
  readonly bytes: number;
  /** How the guest saw it end. */
  readonly status: string;
  readonly ok: boolean;
}

/**
 * damaged: memory outside the guest changed. leaked: only its contents got out. stopped: neither. none: the guest left
 * out an attack that it was to make, and nothing of that kind happened.
 */
export type Verdict = "damaged" | "leaked" | "stopped" | "none";

export interface AttackCase {
  readonly device: AttackDevice;
  readonly mode: AttachModeName;
  readonly target: AttackTarget;
  readonly verdict: Verdict;
  /** Whether the mode promises to stop it. */
  readonly protects: boolean;
  readonly operations: readonly AttackOperation[];
  /** What changed outside the attacker's memory. */
  readonly damage: readonly Damage[];
  /** First bytes, in hexadecimal, that came out of memory that isn't the attacker's; null for none. */
  readonly leaked: string | null;
  /** Records of the IOMMU's fault queue. */
  readonly faults: readonly FaultRecord[];
  /** Whether the attacker's device still answered afterwards. */
  readonly deviceAlive: boolean;
  /** How the attacker ended. */
  readonly stop: StopReason;
  readonly console: string;
}

/** Schema `yado.attack/1` without `host`. */
export interface AttackReport {
  readonly schema: "yado.attack/1";
  readonly version: string;
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly cases: readonly AttackCase[];
}

export interface AttackObserver {
  started?(name: string): void;
  finished?(name: string, verdict: Verdict): void;
}

/**
 * Each on a machine of its own: what a forged read (the device writes) puts into memory must not be what a forged write
 * (the device reads) gets out of it.
 */
const OPERATIONS = ["read", "write"] as const;

interface Aim {
  readonly device: AttackDevice;
  readonly mode: AttachModeName;
  readonly target: AttackTarget;
  readonly op: (typeof OPERATIONS)[number];
}

/** The run itself adds the target's address to the command line. */
function runConfig(
  { kernel, memory, machine, interface: controller = "nvme" }: AttackOptions,
  { device, mode, target, op }: Aim,
): RunConfig {
  const seed = machine.seed ?? 1;
  const { option } = MODES[mode];
  const what = device === "disk" ? `none driver=${forDisk(option, controller)}` : `net driver=${NIC_OPTIONS[option]}`;
  const attacker = { name: "attacker", kernel, mode, ram: memory };
  const bootargs = `workload=${what} seed=${seed} attack-op=${op}`;
  return {
    ...machine,
    ...(device === "disk"
      ? {
          guests: [{ ...attacker, bootargs }],
          disks: [{ interface: controller, size: DISK_SIZE, image: generatedBytes(DISK_SIZE, seed) }],
        }
      : { guests: [{ ...attacker, bootargs, nic: 0 }], nics: [{}] }),
    attack: { target },
    allowRaw: mode === "assigned-raw",
  };
}

type AttackLine = GuestResult["attacks"][number];

function operation(line: AttackLine): AttackOperation {
  return {
    op: printable(line.op ?? ""),
    address: line.op === "check" ? null : printable(line.address ?? ""),
    bytes: Number(line.bytes ?? 0),
    status: printable(line.status ?? ""),
    ok: Number(line.code ?? 0) === 0,
  };
}

/**
 * After a forged write that succeeded, the disk holds what lay at the address: the ordinary read that follows shows it,
 * where such a read arrives at all.
 */
function leak(mode: AttachModeName, lines: readonly AttackLine[]): string | null {
  const at = lines.findIndex((line) => line.op === "write" && Number(line.code) === 0);
  if (at < 0) return null;
  return MODES[mode].safe ? printable(lines[at + 1]?.data ?? "") : "";
}

/** Of two runs; the same page damaged in both is one damage. */
function merged(runs: readonly RunResult[]): Damage[] {
  const places = new Map<string, Damage>();
  for (const damage of runs.flatMap((run) => run.damage)) {
    const place = `${damage.owner} ${damage.what} ${Math.floor(damage.first / PAGE)}`;
    const seen = places.get(place);
    if (!seen || damage.bytes > seen.bytes) places.set(place, damage);
  }
  return [...places.values()];
}

function judged({ device, mode, target }: Omit<Aim, "op">, runs: readonly RunResult[]): AttackCase {
  const attackers = runs.map((run) => run.guests[0]);
  const lines = attackers.map((attacker) => attacker.attacks);
  const damage = merged(runs);
  const leaked = device === "disk" ? leak(mode, lines.flat()) : (runs.flatMap((run) => run.leaks).at(0)?.data ?? null);
  const answered = (attacks: readonly AttackLine[]) =>
    attacks.at(-1)?.op === "check" && Number(attacks.at(-1)?.code) === 0;
  const attacked = runs.every(
    ({ guests, faults }) => faults.length > 0 || guests[0].attacks.some((line) => line.op !== "check"),
  );
  return {
    device,
    mode,
    target,
    verdict: damage.length > 0 ? "damaged" : leaked !== null ? "leaked" : attacked ? "stopped" : "none",
    protects: PROTECTING.includes(mode),
    operations: lines.flat().map(operation),
    damage,
    leaked,
    faults: runs.flatMap((run) => run.faults),
    deviceAlive: lines.every(answered),
    stop: attackers.find(({ stop }) => stop.kind !== "shutdown")?.stop ?? attackers[0].stop,
    console: attackers.map((attacker) => attacker.console).join(""),
  };
}

/** Runs every attack under every mode. */
export async function attack(
  options: AttackOptions,
  services: { readonly run: Runner; readonly version: string; readonly observer?: AttackObserver },
): Promise<AttackReport> {
  const { devices = ["disk"], modes, targets } = options;
  if (modes.length === 0 || modes.includes("native")) {
    throw new UserError("no mode with a VMM to attack", "--modes", `Choose from ${ATTACK_MODES.join(", ")}`);
  }
  const aims = devices.flatMap((device) =>
    modes.flatMap((mode) => targets.map((target) => ({ device, mode, target }))),
  );
  const outcomes = await Promise.all(
    aims.map(async (aim) => {
      const name = `${devices.length > 1 ? `${aim.device}: ` : ""}${aim.mode} against ${aim.target}`;
      const runs = await Promise.all(
        OPERATIONS.map((op, i) =>
          services.run(runConfig(options, { ...aim, op }), {
            started: () => i === 0 && services.observer?.started?.(name),
            progress: () => {},
          }),
        ),
      );
      const outcome = judged(aim, runs);
      services.observer?.finished?.(name, outcome.verdict);
      return { outcome, resolved: runs[0].resolved };
    }),
  );
  const { guests: _guests, disks: _disks, nics: _nics, attack: _attack, ...configuration } = outcomes[0].resolved;
  return {
    schema: "yado.attack/1",
    version: services.version,
    configuration: { memory: options.memory, ...configuration },
    cases: outcomes.map(({ outcome }) => outcome),
  };
}

/** Whether every mode kept what it promises, and every attacker came to its attack. */
export function withstood({ cases }: AttackReport): boolean {
  return cases.every(({ verdict, protects }) => verdict === "stopped" || (verdict !== "none" && !protects));
}
