// `yado attack`: a hostile driver under each attach mode.
import { Command, Option } from "commander";
import {
  ATTACK_DEVICES,
  ATTACK_MODES,
  ATTACK_TARGETS,
  type AttachModeName,
  type AttackDevice,
  type AttackTarget,
  attack,
  attackText,
  checkMemory,
  DEFAULT_ATTACK_MODES,
  DEFAULT_MEMORY,
  type DiskName,
  defaultWorkload,
  resolveMachine,
  withstood,
} from "../index.js";
import { probe, readGuest } from "./files.js";
import {
  countOption,
  flagOf,
  interfaceOption,
  limitOptions,
  machineFlags,
  machineOptions,
  runOptions,
  type SharedOptions,
  wordsOption,
} from "./options.js";
import { checkJson, deliver, hostFacts, Status, withSession } from "./session.js";
import { tableOptions } from "./terminal.js";

const CONTROLLERS: readonly DiskName[] = ["nvme", "ata"];

interface Options extends SharedOptions {
  device?: AttackDevice[];
  interface?: DiskName;
  modes?: AttachModeName[];
  target?: AttackTarget[];
  guest?: string;
}

const EXAMPLES = `
Examples:
  yado attack                                         the disk's driver, every mode against every target
  yado attack --device nic                            the network interface's driver
  yado attack --modes assigned,assigned-service --target vmm
  yado attack --modes assigned-raw --json attack.json

Exit code: 0 when every mode that checks addresses kept the attack out; 1 when one didn't, or a guest made no
attack; 2 for input that can't be used.`;

export function attackCommand(): Command {
  const command = new Command("attack")
    .summary("run a hostile guest under each attach mode")
    .description(
      "Runs a guest whose driver gives its disk or network interface addresses in the VMM's memory, in another guest's, or\n" +
        "where no memory is, and reports what that damaged, what got out, or what stopped it.",
    )
    .addOption(
      new Option("--device <a,b>", `whose driver is hostile: ${ATTACK_DEVICES.join(",")} (default: disk)`).argParser(
        wordsOption<AttackDevice>("--device", ATTACK_DEVICES),
      ),
    )
    .addOption(interfaceOption(CONTROLLERS, CONTROLLERS.join(" or ")))
    .addOption(
      new Option(
        "--modes <a,b,…>",
        `attach modes (default: ${DEFAULT_ATTACK_MODES.join(",")}; also assigned-raw)`,
      ).argParser(wordsOption<AttachModeName>("--modes", ATTACK_MODES)),
    )
    .addOption(
      new Option("--target <a,b,…>", `whose memory: ${ATTACK_TARGETS.join(",")} (default: all)`).argParser(
        wordsOption<AttackTarget>("--target", ATTACK_TARGETS),
      ),
    )
    .addOption(new Option("--guest <elf>", "guest program instead of the probe"))
    .addOption(
      new Option("--seed <n>", "seed of the disks' contents (default: 1)").argParser(countOption("--seed", 0)),
    );
  for (const option of [...machineOptions(), ...limitOptions(), ...runOptions()]) command.addOption(option);
  return command.addHelpText("after", EXAMPLES).action(action);
}

async function action(options: Options): Promise<void> {
  const started = new Date();
  const devices = options.device ?? ["disk"];
  const modes = options.modes ?? DEFAULT_ATTACK_MODES;
  const targets = options.target ?? ATTACK_TARGETS;
  const memory = options.memory ?? DEFAULT_MEMORY;
  const machine = resolveMachine(machineFlags(options), flagOf);
  checkMemory(memory, defaultWorkload, "--memory", machine);
  const kernel = options.guest === undefined ? probe() : readGuest(options.guest, "--guest");
  checkJson(options, [options.guest]);

  const report = await withSession(
    options,
    devices.length * modes.length * targets.length,
    ({ pool, progress, version }) =>
      attack(
        { kernel, devices, interface: options.interface, modes, targets, memory, machine },
        {
          run: pool.run,
          version,
          observer: {
            started: (name) => progress.start(name, 0),
            finished: (name, verdict) => progress.finish(name, verdict === "none" ? "no attack" : verdict),
          },
        },
      ),
  );
  const host = hostFacts(started, { guest: options.guest });
  deliver(options, attackText(report, tableOptions()), { ...report, host });
  if (!withstood(report)) process.exitCode = Status.Failed;
}
