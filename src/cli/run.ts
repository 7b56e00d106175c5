// `yado run` in its two forms: a machine of one's own, or several guests as a scenario file describes them.
import { Command, Option } from "commander";
import { UserError } from "../index.js";
import { runMachine } from "./machine.js";
import { type MachineOptions, normalize, ownMachineOptions } from "./machine-options.js";
import { countOption, limitOptions, runOptions, type SharedOptions } from "./options.js";
import { runScenarioFile } from "./scenario.js";

type Options = MachineOptions & SharedOptions & { scenario?: string };

const EXAMPLES = `
Examples:

A machine; QEMU's spellings with one dash will do (-smp 4, -kernel Image, -nographic):
  yado run --kernel program.elf                       a program for S-mode over the built-in SBI
  yado run -m 1G --smp 4 --kernel Image --initrd initrd.gz --append "console=ttyS0"
  yado run --bios fw_dynamic.bin --kernel Image       the same over OpenSBI, from M-mode on
  yado run --bios none --kernel bare.elf              a program for M-mode
  yado run --kernel Image --disk file=root.img,if=nvme --append "root=/dev/nvme0n1"
  yado run --kernel Image --gdb 1234                  then: gdb-multiarch -ex "target remote :1234" vmlinux
  yado run --kernel Image --max-instructions 1000000 --trace trace.txt --stats json:stats.json

  On a terminal Ctrl-A X ends the machine, Ctrl-A H helps. A file as standard input is typed at the console as fast as
  the software takes it; runs then repeat to the last instruction. What is written to a disk is put into its image, as
  a whole, when the run ends.

A scenario:
  yado run --scenario scenarios/shared-disk.yaml      two guests share one disk
  yado run --scenario scenarios/mixed-modes.yaml      four modes side by side
  yado schema > scenario.schema.json                  what a scenario may say, for your editor

Exit code of a machine: what the software gave the finisher or the SBI (0: power off; 1: failure), or 1 when it can't
go on; 124 at a limit; 130 after Ctrl-C. Of a scenario: 0; 1 when a guest failed or a safe mode's checksum is wrong.
Of both: 2 for input that can't be used.`;

const scenarioOnly = () => [
  new Option("--scenario <file>", "YAML file; `yado schema` prints what it may say"),
  ...limitOptions().filter(({ long }) => long === "--quiet-cycles"),
  ...runOptions().filter(({ long }) => long !== "--quiet"),
];
const shared = () => [
  new Option("--max-cycles <n>", "cycles after which the run ends (default of scenarios: 60000000000)").argParser(
    countOption("--max-cycles"),
  ),
  new Option("--quiet", "only what is wrong on standard error"),
];

/** The options of the other form. */
const MACHINE = ownMachineOptions();
const SCENARIO = scenarioOnly();

export function runCommand(): Command {
  const command = new Command("run")
    .summary("run a machine with your own kernel, or several guests as a scenario file describes them")
    .description(
      "Runs a machine in the habits of QEMU's users: kernel, firmware, disks, console.\n" +
        "With --scenario: runs the guests of a scenario file, each with its own attach mode, disk and workload.",
    );
  for (const option of [...MACHINE, ...shared(), ...SCENARIO]) command.addOption(option);
  return command.addHelpText("after", EXAMPLES).action(action);
}

/** The arguments of `yado`, those of `run` in our spelling. */
export function spelled(args: readonly string[]): string[] {
  return args[0] === "run" ? ["run", ...normalize(args.slice(1), [...MACHINE, ...SCENARIO, ...shared()])] : [...args];
}

async function action(options: Options, command: Command): Promise<void> {
  const { scenario } = options;
  const given = (option: Option) => command.getOptionValueSource(option.attributeName()) === "cli";
  if (scenario !== undefined) {
    const foreign = MACHINE.find(given);
    if (foreign) {
      throw new UserError(
        "is of a machine of your own, not of a scenario",
        foreign.long!,
        "Leave it or --scenario out",
      );
    }
    return runScenarioFile(scenario, options);
  }
  const foreign = SCENARIO.find(given);
  if (foreign) {
    const remedy =
      foreign.long === "--json" ? "For a machine's figures give --stats json:FILE" : "Leave it out, or give --scenario";
    throw new UserError("is of scenarios, and none is given", foreign.long!, remedy);
  }
  return runMachine(options);
}
