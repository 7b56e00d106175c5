// Runs the benches: node bench/run.mjs [hart|hub|exit|io|compare|linux …] [--quick] [--json DIRECTORY]
import { parseArgs } from "node:util";
import { writeJson } from "./support.mjs";

const ALL = ["hart", "hub", "exit", "io", "compare", "linux"];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, json: { type: "string" } },
});
const unknown = positionals.filter((name) => !ALL.includes(name));
if (unknown.length > 0) {
  console.error(`no bench is called ${unknown.join(", ")}; there are ${ALL.join(", ")}`);
  process.exit(2);
}
const figures = [];
for (const name of positionals.length ? positionals : ALL) {
  const bench = await import(`./${name}.mjs`);
  const result = await bench.run({ quick: values.quick });
  console.log(`\n== ${name}\n${result.text}`);
  figures.push(...result.figures);
}
if (values.json) writeJson(values.json, figures);
