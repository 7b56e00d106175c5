// `yado schema`: the JSON Schema of the files that the command reads.
import { Argument, Command } from "commander";
import { fileSchema } from "../index.js";
import { wordOption } from "./options.js";
import { print } from "./terminal.js";

const KINDS = ["scenario", "compare"] as const;

const EXAMPLES = `
Examples:
  yado schema > scenario.schema.json                  for the files of \`yado run --scenario\`
  yado schema compare                                 for the files of \`yado compare --config\``;

export function schemaCommand(): Command {
  return new Command("schema")
    .summary("print the JSON Schema of scenario files")
    .description(
      "Prints the JSON Schema (draft 2020-12) of a scenario file, or of a configuration file of `yado compare`.",
    )
    .addArgument(
      new Argument("[kind]", "scenario or compare").argParser(wordOption("schema", KINDS)).default("scenario"),
    )
    .addHelpText("after", EXAMPLES)
    .action((kind: (typeof KINDS)[number]) => print(`${JSON.stringify(fileSchema(kind), null, 2)}\n`));
}
