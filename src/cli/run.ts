// `yado run`: several guests on one machine, as a scenario file describes them.
import { dirname, resolve } from "node:path";
import { Command } from "commander";
import { parseYaml, resolveScenario, runScenario, runText, scenarioSchema, sound } from "../index.js";
import { probe, readDisk, readGuest, readText } from "./files.js";
import { limitOptions, machineFlags, runOptions, type SharedOptions } from "./options.js";
import { checkJson, deliver, hostFacts, Status, withSession } from "./session.js";
import { tableOptions } from "./terminal.js";

interface Options extends SharedOptions {
  scenario: string;
}

const EXAMPLES = `
Examples:
  yado run --scenario scenarios/shared-disk.yaml      two guests share one disk
  yado run --scenario scenarios/mixed-modes.yaml      four modes side by side
  yado schema > scenario.schema.json                  what a scenario may say, for your editor

Exit code: 0; 1 when a guest failed or a safe mode's checksum is wrong; 2 for input that can't be used.`;

export function runCommand(): Command {
  const command = new Command("run")
    .summary("run several guests as a scenario file describes them")
    .description(
      "Runs the guests of a scenario file, each with its own attach mode, disk or part of a disk, and workload.",
    )
    .requiredOption("--scenario <file>", "YAML file; `yado schema` prints what it may say");
  for (const option of [...limitOptions(), ...runOptions()]) command.addOption(option);
  return command.addHelpText("after", EXAMPLES).action(action);
}

async function action(options: Options): Promise<void> {
  const started = new Date();
  const { scenario: path } = options;
  const source = parseYaml(readText(path, "--scenario"), path, scenarioSchema);
  const inputs: string[] = [path];
  const beside = (file: string) => {
    const found = resolve(dirname(resolve(path)), file);
    inputs.push(found);
    return found;
  };
  const scenario = resolveScenario(
    source,
    { disk: (file, place) => readDisk(beside(file), place), kernel: (file, place) => readGuest(beside(file), place) },
    probe,
    machineFlags(options),
  );
  checkJson(options, inputs);

  const reports = await withSession(options, scenario.runs.length, ({ pool, progress, version }) =>
    Promise.all(
      scenario.runs.map(async (run) => {
        const name = run.label ? `${scenario.parameter} ${run.label}` : "scenario";
        const report = await runScenario(
          scenario,
          run,
          { run: pool.run, version },
          {
            started: (total) => progress.start(name, total),
            progress: (bytes) => progress.advance(name, bytes),
          },
        );
        progress.finish(name, sound(report.guests) ? "done" : "failed");
        return report;
      }),
    ),
  );
  const host = hostFacts(started, { scenario: path });
  const json =
    scenario.parameter === undefined
      ? { ...reports[0], host }
      : {
          schema: "yado.sweep/1",
          parameter: scenario.parameter,
          runs: reports.map((report) => ({ value: report.sweep?.value, report })),
          host,
        };
  deliver(options, runText(reports, tableOptions()), json);
  if (!reports.every((report) => sound(report.guests))) process.exitCode = Status.Failed;
}
