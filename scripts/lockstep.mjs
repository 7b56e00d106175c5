// Bundles test/lockstep/cli.ts and runs it: node scripts/lockstep.mjs [--hours H] [--seed N] [--family a,b]
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = `${root}build/lockstep.mjs`;
buildSync({
  entryPoints: [`${root}test/lockstep/cli.ts`],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  logLevel: "warning",
});
process.exit(spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: "inherit" }).status ?? 1);
