// Runs one program on a bare machine: node build/bench-hart-runner.mjs (flat|timed) X.elf
// Prints {"output", "instructions", "cycles"} as JSON.
import { readFileSync } from "node:fs";
import type { CoreBuild } from "../src/core/instance.js";
import { bareMachine, runBare } from "./bare.js";

const [build, elf] = process.argv.slice(2);
const core = bareMachine(build as CoreBuild, readFileSync(elf));
const output = runBare(core);
process.stdout.write(JSON.stringify({ output, instructions: core.instret, cycles: core.cycles }));
