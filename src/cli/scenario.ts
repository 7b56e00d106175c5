// `yado run --scenario`: several guests on one machine, as a scenario file describes them.
import { dirname, resolve } from "node:path";
import { parseYaml, resolveScenario, runScenario, runText, scenarioSchema, sound } from "../index.js";
import { probe, readDisk, readGuest, readText } from "./files.js";
import { machineFlags, type SharedOptions } from "./options.js";
import { checkJson, deliver, hostFacts, Status, withSession } from "./session.js";
import { tableOptions } from "./terminal.js";

export async function runScenarioFile(path: string, options: SharedOptions): Promise<void> {
  const started = new Date();
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
