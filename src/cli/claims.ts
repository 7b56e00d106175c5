// `yado claims`: the experiments behind the chapter's claims, and what they show.
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { allHold, CLAIMS, claimsHtml, claimsText, parseYaml, runClaims, scenarioSchema, UserError } from "../index.js";
import { checkOutput, claimsScenario, probe, readText, writeWhole } from "./files.js";
import { runOptions, type SharedOptions, wordsOption } from "./options.js";
import { checkJson, deliver, hostFacts, Status, withSession } from "./session.js";
import { tableOptions } from "./terminal.js";

interface Options extends SharedOptions {
  only?: string[];
  html?: string;
  quick?: boolean;
  sensitivity?: boolean;
}

const EXAMPLES = `
Examples:
  yado claims                                         every claim, with its figures
  yado claims --only S5,S9                            two of them
  yado claims --quick                                 a quarter of the volumes
  yado claims --json claims.json                      everything that was measured
  yado claims --html claims.html                      a report with plots, in one file
  yado run --scenario scenarios/claims/streams.yaml   one of the experiments by itself

Exit code: 0 when every claim that was judged holds; 1 when one doesn't; 2 for input that can't be used.`;

export function claimsCommand(): Command {
  const command = new Command("claims")
    .summary("run the experiments behind the chapter's claims, and judge each")
    .description(
      "Runs the experiments behind the claims S1 to S12, and prints for each whether it holds, by which figures, and\n" +
        "whether it still does when the costs that it depends on are half of what they are, or half as much again.",
    )
    .addOption(
      new Option("--only <S5,S9,…>", "these claims alone").argParser(
        wordsOption(
          "--only",
          CLAIMS.map(({ id }) => id),
        ),
      ),
    )
    .addOption(new Option("--html <file>", "a report with plots, in one file that asks for no other"))
    .addOption(new Option("--quick", "a quarter of the volumes"))
    .addOption(new Option("--no-sensitivity", "don't judge again with other costs"));
  for (const option of runOptions()) command.addOption(option);
  return command.addHelpText("after", EXAMPLES).action(action);
}

async function action(options: Options): Promise<void> {
  const started = new Date();
  const { only, html, quick = false, sensitivity = true } = options;
  const claims = CLAIMS.filter(({ id }) => !only || only.includes(id));
  checkJson(options, []);
  if (html !== undefined) {
    checkOutput(html, "--html");
    if (options.json !== undefined && resolve(options.json) === resolve(html)) {
      throw new UserError("JSON is to go there too", "--html", "Name two files");
    }
  }
  const report = await withSession(options, availableParallelism(), ({ pool, progress, version }) =>
    runClaims(
      { claims, quick, sensitivity, kernel: probe() },
      {
        run: pool.run,
        version,
        scenario: (name) => {
          const path = claimsScenario(name);
          return parseYaml(readText(path, path), path, scenarioSchema);
        },
        observer: {
          started: (name) => progress.start(name, 0),
          finished: (name) => progress.finish(name, "done"),
        },
      },
    ),
  );
  if (html !== undefined) writeWhole(html, await claimsHtml(report), "--html");
  deliver(options, claimsText(report, tableOptions()), { ...report, host: hostFacts(started, {}) });
  if (!allHold(report)) process.exitCode = Status.Failed;
}
