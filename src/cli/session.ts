// What every command that runs something does around it: workers, progress, interruption, results, exit code.
import { checkOutput, version, writeWhole } from "./files.js";
import { jobsOf, type SharedOptions } from "./options.js";
import { Pool } from "./pool.js";
import { Progress } from "./progress.js";
import { complain, print } from "./terminal.js";

/** Exit codes of the command. */
export const enum Status {
  Ok = 0,
  /** A guest failed, or a safe mode's result is wrong. */
  Failed = 1,
  /** The user's input can't be used. */
  Usage = 2,
  /** A mistake of ours. */
  Internal = 70,
  /** 128 and the signal's number: SIGINT, SIGTERM. */
  Interrupted = 130,
  Terminated = 143,
}

/** The setting in which a command runs its guests. */
export interface Session {
  readonly pool: Pool;
  readonly progress: Progress;
  readonly version: string;
}

/** Opens workers and progress for `runs` runs, calls `work`, and closes them whatever happens. */
export async function withSession<T>(
  options: SharedOptions,
  runs: number,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const pool = new Pool(jobsOf(options, runs), new URL(import.meta.url));
  const progress = new Progress(options.quiet ?? false);
  const ended = (what: string, status: Status) => () => {
    progress.clear();
    complain(`yado: ${what}; nothing was written\n`);
    process.exit(status);
  };
  const interrupted = ended("interrupted", Status.Interrupted);
  const terminated = ended("terminated", Status.Terminated);
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", terminated);
  try {
    return await work({ pool, progress, version: version() });
  } finally {
    progress.clear();
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", terminated);
    await pool.close();
  }
}

/** Standard output under its two names. */
function toOutput({ json }: SharedOptions): boolean {
  return json === "-" || json === "/dev/stdout";
}

/** Checks where JSON is to go, before anything runs. */
export function checkJson(options: SharedOptions, inputs: readonly (string | undefined)[]): void {
  const named = inputs.filter((input) => input !== undefined);
  if (options.json !== undefined && !toOutput(options)) checkOutput(options.json, "--json", named);
}

/** What the figures don't depend on: apart from them in JSON, so that the rest is the same on every computer. */
export function hostFacts(started: Date, inputs: Readonly<Record<string, string | undefined>>): object {
  return {
    startedAt: started.toISOString(),
    finishedAt: new Date().toISOString(),
    wallSeconds: (Date.now() - started.getTime()) / 1000,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    files: Object.fromEntries(Object.entries(inputs).filter(([, path]) => path !== undefined)),
  };
}

/** Prints the tables, and writes JSON where it is wanted. */
export function deliver(options: SharedOptions, text: string, json: object): void {
  const document = `${JSON.stringify(json, null, 2)}\n`;
  print(toOutput(options) ? document : text);
  if (options.json !== undefined && !toOutput(options)) writeWhole(options.json, document, "--json");
}
