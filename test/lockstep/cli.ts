// npm run lockstep -- [--hours H | --programs N] [--seed N] [--family a,b] [--build flat|timed] [--keep N]
import { parseArgs } from "node:util";
import type { CoreBuild } from "../../src/core/instance.js";
import { FAMILIES, generate } from "./generate/index.js";
import { BATCH } from "./layout.js";
import { minimize } from "./minimize.js";
import { qemuVersion } from "./qemu.js";
import { describe } from "./report.js";
import { runBoth } from "./run.js";

function fail(message: string): never {
  console.error(`lockstep: ${message}`);
  process.exit(2);
}
const options = {
  hours: { type: "string" },
  programs: { type: "string" },
  seed: { type: "string", default: "1" },
  family: { type: "string", default: Object.keys(FAMILIES).join(",") },
  build: { type: "string" },
  keep: { type: "string", default: "1" },
} as const;
function given() {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    const known = Object.keys(options).map((name) => `--${name}`);
    return fail(`${(error as Error).message}; there are ${known.join(", ")}`);
  }
}
const values = given();
const number = (name: "hours" | "programs" | "seed" | "keep") => {
  const value = Number(values[name]);
  return Number.isFinite(value) && value >= 0 ? value : fail(`--${name} ${values[name]}: a number is wanted`);
};
const families = values.family.split(",");
for (const family of families) {
  if (!(family in FAMILIES)) fail(`--family ${family}: there are ${Object.keys(FAMILIES).join(", ")}`);
}
const version = qemuVersion() ?? fail("qemu-system-riscv64 is not installed (Debian: qemu-system-misc)");
const end = values.hours === undefined ? Number.POSITIVE_INFINITY : Date.now() + number("hours") * 3_600_000;
const limit =
  values.programs !== undefined ? number("programs") : values.hours === undefined ? 1000 : Number.POSITIVE_INFINITY;

const began = Date.now();
let found = 0;
const quirks = new Map<string, number>();
let ran = 0;
let seed = number("seed");
let rounds = 0;
for (; ran < limit && Date.now() < end && found < number("keep"); rounds++) {
  const count = Math.min(BATCH, Math.ceil((limit - ran) / families.length));
  for (const family of families) {
    const build = (values.build ?? (rounds % 4 === 3 ? "timed" : "flat")) as CoreBuild;
    const verdicts = await runBoth(
      Array.from({ length: count }, (_, i) => generate(family, seed + i)),
      build,
    );
    ran += verdicts.length;
    for (const { difference } of verdicts) {
      if (difference?.quirk) quirks.set(difference.quirk, (quirks.get(difference.quirk) ?? 0) + 1);
    }
    for (const verdict of verdicts.filter(({ difference }) => difference && !difference.quirk)) {
      if (found++ < number("keep")) console.log(`${describe(await minimize(verdict, build))}\n`);
    }
  }
  seed += count;
  const perSecond = ran / ((Date.now() - began) / 1000);
  if (rounds % 20 === 0)
    console.error(`${ran} programs up to seed ${seed - 1}, ${perSecond.toFixed(0)}/s, ${found} differ`);
}
console.log(`${ran} programs of ${families.join(", ")} on QEMU ${version}: ${found} differ`);
for (const [name, times] of quirks) console.log(`  ${times} compared only up to a quirk: ${name}`);
process.exit(found > 0 ? 1 : 0);
