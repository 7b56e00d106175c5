// Options that several commands share: how they are spelled, parsed and checked.
import { availableParallelism } from "node:os";
import { Option } from "commander";
import {
  ALL_WORKLOADS,
  type AttachModeName,
  HASHES,
  type LanConfig,
  type MachineFile,
  MODE_NAMES,
  parseSize,
  SIZE_FORM,
  suggest,
  UserError,
  type WorkloadFile,
} from "../index.js";

export function sizeOption(flag: string) {
  return (text: string): number => {
    const value = parseSize(text);
    if (value === undefined) throw new UserError(`"${text}" is no size`, flag, `Expected: ${SIZE_FORM}`);
    return value;
  };
}

export function countOption(flag: string, least = 1) {
  return (text: string): number => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new UserError(`"${text}" is no count`, flag, `Give a whole number of at least ${least}`);
  };
}

export function numberOption(flag: string, least = 0, most = Number.POSITIVE_INFINITY) {
  return (text: string): number => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value >= least && value <= most) return value;
    const range = Number.isFinite(most) ? `from ${least} to ${most}` : `of at least ${least}`;
    throw new UserError(`"${text}" is impossible`, flag, `Give a number ${range}`);
  };
}

export function wordOption<T extends string>(flag: string, words: readonly T[]) {
  return (text: string): T => {
    const word = words.find((known) => known === text);
    if (word === undefined) throw new UserError(`unknown value "${text}"`, flag, suggest(text, words));
    return word;
  };
}

export const interfaceOption = <T extends string>(names: readonly T[], said: string): Option =>
  new Option("--interface <name>", `the disk's controller: ${said} (default: nvme)`).argParser(
    wordOption("--interface", names),
  );

/** "a=1,b=x,,y" → a: "1", b: "x,y": a comma within a value is doubled. */
export function fields(text: string, flag: string, known: readonly string[], bare: string): Map<string, string> {
  const found = new Map<string, string>();
  const parts = text.replaceAll(",,", "\0").split(",");
  for (const [i, part] of parts.entries()) {
    const written = part.replaceAll("\0", ",");
    const equals = written.indexOf("=");
    const [key, value] =
      equals < 0 && i === 0 ? [bare, written] : [written.slice(0, equals), written.slice(equals + 1)];
    if (!known.includes(key))
      throw new UserError(`unknown key "${key || written}"`, flag, suggest(key || written, known));
    if (found.has(key)) throw new UserError(`"${key}" is given twice`, flag, "Give each once");
    found.set(key, value);
  }
  return found;
}

/** "a,b" → ["a", "b"], each one known and named once. */
export function wordsOption<T extends string>(flag: string, words: readonly T[]) {
  const one = wordOption(flag, words);
  return (text: string): T[] => {
    const chosen = text.split(",").map((word) => one(word.trim()));
    const twice = chosen.find((word, i) => chosen.indexOf(word) !== i);
    if (twice) throw new UserError(`"${twice}" is named twice`, flag, "Name each once");
    return chosen;
  };
}

export const modesOption = (flag: string) => wordsOption<AttachModeName>(flag, MODE_NAMES);

/** Collects `--cost name=value`, given any number of times. */
export function costOption(text: string, before: Record<string, number> = {}): Record<string, number> {
  const match = /^([^=]+)=(.+)$/.exec(text);
  const value = Number(match?.[2]);
  if (!match || !Number.isFinite(value)) {
    throw new UserError(`"${text}" sets no cost`, "--cost", "Write name=value, as in --cost mmio-exit=2000");
  }
  return { ...before, [match[1].trim()]: value };
}

export function sweepOption(text: string): { parameter: string; values: string[] } {
  const match = /^([^=]+)=(.+)$/.exec(text);
  if (!match) {
    throw new UserError(
      `"${text}" is no sweep`,
      "--sweep",
      "Write parameter=values, as in --sweep iotlb-entries=16,32,64",
    );
  }
  return { parameter: match[1].trim(), values: match[2].split(",").map((value) => value.trim()) };
}

/** Options of the probe guest. */
export const workloadOptions = () => [
  new Option("--workload <kind>", `what the guest does: ${ALL_WORKLOADS.join(", ")} (default: checksum)`).argParser(
    wordOption("--workload", ALL_WORKLOADS),
  ),
  new Option("--bs <size>", "bytes per request (default: 32K), or per message (default: 1472)").argParser(
    sizeOption("--bs"),
  ),
  new Option("--qd <n>", "requests in flight (default: 8)").argParser(countOption("--qd")),
  new Option("--batch <n>", "completions taken before new requests are sent off together (default: 1)").argParser(
    countOption("--batch"),
  ),
  new Option("--total <size>", "bytes to move (default: the whole disk)").argParser(sizeOption("--total")),
  new Option("--hash <name>", `checksum: ${HASHES.join(", ")} (default: crc32c for checksum, else none)`).argParser(
    wordOption("--hash", HASHES),
  ),
  new Option("--seed <n>", "seed of random order, written patterns and the machine (default: 1)").argParser(
    countOption("--seed", 0),
  ),
];

/** Options of the wire. */
export const networkOptions = () => [
  new Option("--bandwidth <bit/s>", "of the wire to the peer (default: 1e9)").argParser(
    numberOption("--bandwidth", 1000),
  ),
  new Option("--latency <ns>", "from end to end of the wire (default: 5000)").argParser(numberOption("--latency")),
  new Option("--loss <p>", "probability that a frame is lost (default: 0)").argParser(numberOption("--loss", 0, 1)),
];

/** Options of the machine. */
export const machineOptions = () => [
  new Option("--memory <size>", "guest RAM, a multiple of 4M (default: 64M)").argParser(sizeOption("--memory")),
  new Option("--iotlb-entries <n>", "entries of the IOTLB").argParser(countOption("--iotlb-entries")),
  new Option("--iotlb-ways <n>", "ways of the IOTLB's sets").argParser(countOption("--iotlb-ways")),
  new Option("--page-size <size>", "pages of the second stage, 4K or 2M (default: 2M)").argParser(
    sizeOption("--page-size"),
  ),
  new Option("--iommu-page-size <size>", "the same for the IOMMU alone").argParser(sizeOption("--iommu-page-size")),
  new Option("--profile <name>", "where the VMM's device models run: kernel or userspace (default: kernel)").argParser(
    wordOption("--profile", ["kernel", "userspace"] as const),
  ),
  new Option("--cost <name=value>", "one cost parameter, in its own unit; repeatable").argParser(costOption),
  new Option("--baud <n>", "of the serial lines (default: 115200)").argParser(countOption("--baud")),
  new Option("--no-caches", "a core without modelled caches: faster, less exact"),
];

/** Options of the machine that a scenario file leaves to the command too. */
export const limitOptions = () => [
  new Option("--max-cycles <n>", "cycles after which a run is called hung (default: 60000000000)").argParser(
    countOption("--max-cycles"),
  ),
  new Option(
    "--quiet-cycles <n>",
    "cycles without DMA, output, call or wait after which a guest is called hung (default: 3000000000)",
  ).argParser(countOption("--quiet-cycles")),
];

/** Options of the command itself. */
export const runOptions = () => [
  new Option("--json <file>", "write every figure there as JSON; - for standard output, without tables"),
  new Option("--jobs <n>", "runs at a time; doesn't change any figure (default: one per processor)").argParser(
    countOption("--jobs"),
  ),
  new Option("--quiet", "no progress on standard error"),
];

export interface SharedOptions {
  workload?: WorkloadFile["kind"];
  bs?: number;
  qd?: number;
  batch?: number;
  total?: number;
  hash?: string;
  seed?: number;
  bandwidth?: number;
  latency?: number;
  loss?: number;
  memory?: number;
  iotlbEntries?: number;
  iotlbWays?: number;
  pageSize?: number;
  iommuPageSize?: number;
  profile?: "kernel" | "userspace";
  cost?: Record<string, number>;
  baud?: number;
  caches?: boolean;
  maxCycles?: number;
  quietCycles?: number;
  json?: string;
  jobs?: number;
  quiet?: boolean;
}

function given<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}

/** The workload as far as flags set it. */
export function workloadFlags(options: SharedOptions): WorkloadFile {
  const { workload, bs, qd, batch, total, hash, seed } = options;
  return given({ kind: workload, bs, qd, batch, total, hash, seed });
}

/** The wire as far as flags set it. */
export function networkFlags({ bandwidth, latency, loss }: SharedOptions): Partial<Record<keyof LanConfig, number>> {
  return given({ bandwidth, latency, loss });
}

/** The machine as far as flags set it. */
export function machineFlags(options: SharedOptions): MachineFile {
  const { seed, iotlbEntries, iotlbWays, pageSize, iommuPageSize, profile, cost, baud, caches } = options;
  const { maxCycles, quietCycles } = options;
  const iotlb = given({ entries: iotlbEntries, ways: iotlbWays });
  return given({
    seed,
    iotlb: Object.keys(iotlb).length > 0 ? iotlb : undefined,
    "page-size": pageSize,
    "iommu-page-size": iommuPageSize,
    profile,
    costs: cost,
    baud,
    core: caches === false ? ("flat" as const) : undefined,
    "max-cycles": maxCycles,
    "quiet-cycles": quietCycles,
  });
}

/** The flag that sets a key of the machine or of the workload, for messages. */
export function flagOf(key: string): string {
  if (key.startsWith("costs.")) return `--cost ${key.slice(6)}`;
  if (key.startsWith("iotlb.")) return `--iotlb-${key.slice(6)}`;
  return `--${key === "kind" ? "workload" : key}`;
}

export function jobsOf(options: SharedOptions, runs: number): number {
  return Math.max(1, Math.min(options.jobs ?? availableParallelism(), runs));
}
