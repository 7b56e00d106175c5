// The `yado` command.
import { Command, CommanderError } from "commander";
import { UserError } from "../index.js";
import { attackCommand } from "./attack.js";
import { claimsCommand } from "./claims.js";
import { compareCommand } from "./compare.js";
import { conformanceCommand } from "./conformance.js";
import { version } from "./files.js";
import { isRunner, serveRuns } from "./pool.js";
import { runCommand, spelled } from "./run.js";
import { schemaCommand } from "./schema.js";
import { Status } from "./session.js";
import { complain, tolerateUnwritable } from "./terminal.js";

const EXAMPLES = `
Examples:
  yado compare                                        what a disk costs a guest under each attach mode
  yado compare --disk disk.img --json out.json        the same on your own disk
  yado run --scenario scenarios/shared-disk.yaml      several guests at once
  yado run --kernel Image --initrd initrd.gz          a machine with your own kernel
  yado attack                                         a hostile guest under each attach mode
  yado claims                                         the chapter's claims, with evidence and verdict
  yado conformance riscv-tests/isa                    a suite of tests of the instruction set`;

function command(): Command {
  const program = new Command("yado")
    .description("What does I/O cost a guest under each way of virtualizing it, and why?")
    .version(version())
    .addHelpText("after", EXAMPLES)
    .showSuggestionAfterError();
  for (const sub of [
    compareCommand(),
    runCommand(),
    attackCommand(),
    claimsCommand(),
    conformanceCommand(),
    schemaCommand(),
  ]) {
    program.addCommand(sub.copyInheritedSettings(program));
  }
  for (const each of [program, ...program.commands]) {
    each.exitOverride().configureHelp({ helpWidth: 110 }).allowExcessArguments(false);
  }
  return program;
}

/** Runs the command line; returns the exit code for what went wrong, or undefined. */
async function main(args: readonly string[]): Promise<number | undefined> {
  try {
    await command().parseAsync(spelled(args), { from: "user" });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? undefined : Status.Usage;
    if (error instanceof UserError) {
      complain(`yado: ${error.message}\n`);
      return Status.Usage;
    }
    complain(
      `yado: internal error, please report it: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`,
    );
    return Status.Internal;
  }
}

if (isRunner()) {
  serveRuns();
} else {
  tolerateUnwritable();
  const status = await main(process.argv.slice(2));
  if (status !== undefined) process.exitCode = status;
}
