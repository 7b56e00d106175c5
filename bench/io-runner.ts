// One guest's I/O through the whole stack: node build/bench-io-runner.mjs CASE.json
// CASE is an IoCase as JSON; prints an IoFigures as JSON. The guest is the probe; the first run only warms V8 up.
import { readFileSync } from "node:fs";
import { Session } from "node:inspector";
import { fileURLToPath } from "node:url";
import { run } from "../src/scenario/run.js";
import type { RunConfig } from "../src/scenario/types.js";
import { bootargs, isNetwork, type Workload } from "../src/scenario/workload.js";
import type { AttachModeName } from "../src/vmm/types.js";
import { nameOfRun, partsOfLines, sharesOf, timesOf } from "./profile.mjs";

export interface IoCase {
  readonly mode: AttachModeName;
  readonly workload: Pick<Workload, "kind" | "bs" | "qd" | "hash">;
  readonly operations: number;
}

/** What a run took; seconds are user CPU time, of so many operations beyond those of a short run. */
export interface IoFigures {
  readonly operations: number;
  readonly seconds: number;
  /** Bytes moved by DMA of the device, descriptors and rings included. */
  readonly dmaBytes: number;
  readonly exits: number;
  readonly instructions: number;
  readonly shares: ReturnType<typeof sharesOf>;
}

/** A run of so many operations takes off what doesn't grow with them. */
const SHORT = 10;
const DISK = 32 * 1024 * 1024;
/** µs between samples. */
const INTERVAL = 200;

const kernel = readFileSync(new URL("../guests/probe/probe.elf", import.meta.url));

function configOf({ mode, workload }: IoCase, operations: number): RunConfig {
  const total = operations * workload.bs;
  const words = bootargs({ batch: 1, seed: 1, total, ...workload }, mode);
  const devices = isNetwork(workload.kind) ? { nics: [{}] } : { disks: [{ size: DISK }] };
  return { guests: [{ kernel, mode, bootargs: words, ...("nics" in devices ? { nic: 0 } : {}) }], ...devices };
}

/** The function by whose name the profile is known. */
function measuredRun(what: IoCase, operations: number) {
  const before = process.cpuUsage();
  const { guests } = run(configOf(what, operations));
  const seconds = process.cpuUsage(before).user / 1e6;
  const [{ stop, counters, operations: done }] = guests;
  if (stop.kind !== "shutdown" || stop.code !== 0 || done < operations) {
    throw new Error(`${JSON.stringify(what)}: ${done} operations, ${JSON.stringify(stop)}`);
  }
  const { dma, instructions } = counters;
  const exits = Object.entries(counters.exits).reduce((sum, [reason, n]) => sum + (reason.includes(":") ? 0 : n), 0);
  return { operations: done, seconds, dmaBytes: dma.bytesRead + dma.bytesWritten, exits, instructions };
}

/** µs by part of a run of so many operations. */
function profiled(what: IoCase, operations: number): ReturnType<typeof timesOf> {
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.setSamplingInterval", { interval: INTERVAL });
  session.post("Profiler.start");
  measuredRun(what, operations);
  const here = fileURLToPath(import.meta.url);
  const names = {
    run: nameOfRun(new URL("../build/core.wasm", import.meta.url)),
    bundle: here.slice(here.lastIndexOf("/")),
    parts: partsOfLines(readFileSync(here, "utf8")),
  };
  let times: ReturnType<typeof timesOf> | undefined;
  session.post("Profiler.stop", (error, answer) => {
    if (error) throw error;
    times = timesOf(answer.profile, names, measuredRun.name);
  });
  session.disconnect();
  return times!;
}

function figuresOf(what: IoCase): IoFigures {
  const few = Math.ceil(what.operations / SHORT);
  measuredRun(what, Math.ceil(what.operations / 4));
  const short = measuredRun(what, few);
  const long = measuredRun(what, what.operations);
  return {
    operations: long.operations - short.operations,
    seconds: long.seconds - short.seconds,
    dmaBytes: long.dmaBytes - short.dmaBytes,
    exits: long.exits - short.exits,
    instructions: long.instructions - short.instructions,
    shares: sharesOf(profiled(what, what.operations), profiled(what, few)),
  };
}

process.stdout.write(JSON.stringify(figuresOf(JSON.parse(process.argv[2]))));
