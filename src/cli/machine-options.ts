// Options of a machine of one's own, as QEMU's users spell them.
import { Option } from "commander";
import { type AiaMode, type ConsoleDevice, type DiskInterface, parseSize, SIZE_FORM, UserError } from "../index.js";
import { type NetOption, netOption, type ServeOption, serveOption } from "./network.js";
import { countOption, fields, wordOption } from "./options.js";

export interface DiskOption {
  file: string;
  if: DiskInterface;
  readonly: boolean;
  snapshot: boolean;
}

export type Serial = { kind: "stdio" } | { kind: "null" } | { kind: "file"; path: string };

export interface MachineOptions {
  machine?: AiaMode;
  memory?: number;
  smp?: number;
  kernel?: string;
  kernelFormat?: "auto" | "raw";
  initrd?: string;
  append?: string;
  bios?: string;
  disk?: DiskOption[];
  net?: NetOption[];
  serve?: ServeOption[];
  pcap?: string;
  serial?: Serial;
  console?: ConsoleDevice;
  aia?: AiaMode;
  timing?: "flat" | "caches";
  maxCycles?: number;
  maxInstructions?: number;
  trace?: string | true;
  stats?: string;
  rtcStart?: number;
  dumpdtb?: string;
  gdb?: number;
  reboot?: boolean;
  quiet?: boolean;
}

const MIB = 2 ** 20;
const MAX_HARTS = 8;
const AIA_MODES = ["none", "aplic", "aplic-imsic"] as const;
const INTERFACES = ["nvme", "ata", "virtio", "virtio-mmio"] as const;

/** "512" → MiB, as QEMU has it; "512M" and the like as everywhere. */
function memoryOption(text: string): number {
  const size = text.replace(/^size=/, "");
  const value = /^[0-9]+$/.test(size) ? Number(size) * MIB : parseSize(size);
  if (value === undefined) throw new UserError(`"${text}" is no size`, "--memory", `Expected: MiB, or ${SIZE_FORM}`);
  return value;
}

function hartsOption(text: string): number {
  const count = Number(/^(?:cpus=)?([0-9]+)$/.exec(text)?.[1]);
  if (count >= 1 && count <= MAX_HARTS) return count;
  throw new UserError(`"${text}" is no number of harts`, "--smp", `Give 1 to ${MAX_HARTS}`);
}

function diskOption(text: string, before: DiskOption[] = []): DiskOption[] {
  const flag = "--disk";
  const given = fields(text, flag, ["file", "if", "readonly", "snapshot", "format"], "file");
  const onOff = (key: string): boolean =>
    wordOption(`${flag} ${key}`, ["on", "off"] as const)(given.get(key) ?? "off") === "on";
  const file = given.get("file");
  if (!file) throw new UserError(`"${text}" names no image`, flag, "Write file=disk.img,if=virtio");
  wordOption(`${flag} format`, ["raw"] as const)(given.get("format") ?? "raw");
  const disk = {
    file,
    if: wordOption<DiskInterface>(`${flag} if`, INTERFACES)(given.get("if") ?? "virtio"),
    readonly: onOff("readonly"),
    snapshot: onOff("snapshot"),
  };
  return [...before, disk];
}

function serialOption(text: string): Serial {
  if (text.startsWith("file:") && text.length > 5) return { kind: "file", path: text.slice(5) };
  if (text === "none") return { kind: "null" };
  const word = text.startsWith("mon:") ? text.slice(4) : text;
  if (word === "stdio" || word === "null") return { kind: word };
  throw new UserError(`"${text}" says not where`, "--serial", "Write stdio, file:FILE or null");
}

function boardOption(text: string): AiaMode | undefined {
  const given = fields(text, "--machine", ["type", "aia"], "type");
  wordOption("--machine", ["virt"] as const)(given.get("type") ?? "virt");
  const aia = given.get("aia");
  return aia === undefined ? undefined : wordOption<AiaMode>("--machine aia", AIA_MODES)(aia);
}

function statsOption(text: string): string {
  if (/^json:./.test(text)) return text.slice(5);
  throw new UserError(`"${text}" says not where`, "--stats", "Write json:FILE, or json:- for standard output");
}

function portOption(text: string): number {
  const port = Number(/^(?:tcp:[^:]*:)?([0-9]+)$/.exec(text)?.[1]);
  if (port >= 0 && port < 65536) return port;
  throw new UserError(`"${text}" is no port`, "--gdb", "Give a number from 1 to 65535");
}

function timeOption(text: string): number {
  const seconds = /^[0-9]+$/.test(text) ? Number(text) : Date.parse(text) / 1000;
  if (Number.isFinite(seconds) && seconds >= 0 && seconds < 2 ** 33) return Math.floor(seconds);
  throw new UserError(`"${text}" is no time`, "--rtc-start", "Give seconds since 1970, or 2026-01-01T00:00:00Z");
}

/** Those that only a machine of one's own has; `--max-cycles` and `--quiet` are shared with scenarios. */
export const ownMachineOptions = () => [
  new Option("-m, --memory <size>", "RAM, up to 1536M; a plain number is MiB (default: 512M)").argParser(memoryOption),
  new Option("--smp <n>", "harts, 1 to 8 (default: 1)").argParser(hartsOption),
  new Option("--kernel <file>", "ELF, Linux Image, or either compressed with gzip"),
  new Option("--kernel-format <format>", "raw: load the file as it is, at RAM + 2 MiB (default: auto)").argParser(
    wordOption("--kernel-format", ["auto", "raw"] as const),
  ),
  new Option("--initrd <file>", "initial RAM disk"),
  new Option("--append <text>", "the kernel's command line"),
  new Option(
    "--bios <file>",
    "firmware for M-mode, such as OpenSBI's fw_dynamic.bin; none: the kernel starts in M-mode (default: a built-in SBI)",
  ),
  new Option(
    "--disk <file=…>",
    "file=F[,if=virtio|nvme|ata|virtio-mmio][,readonly=on][,snapshot=on]; repeatable (default if: virtio)",
  ).argParser(diskOption),
  new Option(
    "--net <model=…>",
    "model=virtio|e1000e|virtio-mmio[,mac=M][,ip=A][,bandwidth=bit/s][,latency=ns][,loss=p][,seed=n]; repeatable; a host at 10.0.2.2 serves DHCP and more",
  ).argParser(netOption),
  new Option(
    "--serve </path=file>",
    "what that host's web server has: /path=FILE or /path=generated:SIZE; repeatable",
  ).argParser(serveOption),
  new Option("--pcap <file>", "a capture of what passes the network interfaces, in the machine's time"),
  new Option("--serial <where>", "stdio, file:F or null (default: stdio)").argParser(serialOption),
  new Option(
    "--console <device>",
    "what is typed at: uart, or virtio for a virtio console beside it (a kernel's hvc0) (default: uart)",
  ).argParser(wordOption<ConsoleDevice>("--console", ["uart", "virtio"])),
  new Option("--aia <mode>", "interrupt controllers: none (PLIC), aplic, aplic-imsic (default: none)").argParser(
    wordOption<AiaMode>("--aia", AIA_MODES),
  ),
  new Option("-M, --machine <virt>", "virt[,aia=mode]").argParser(boardOption).hideHelp(),
  new Option("--cpu <model>").hideHelp().argParser(wordOption("--cpu", ["rv64", "max"] as const)),
  new Option("--accel <name>").hideHelp().argParser(wordOption("--accel", ["tcg"] as const)),
  new Option("--display <kind>").hideHelp().argParser(wordOption("--display", ["none"] as const)),
  new Option("--monitor <where>").hideHelp().argParser(wordOption("--monitor", ["none"] as const)),
  new Option("--timing <model>", "flat, or caches: a modelled hierarchy, slower (default: flat)").argParser(
    wordOption("--timing", ["flat", "caches"] as const),
  ),
  new Option("--max-instructions <n>", "end after exactly so many instructions, of all harts together").argParser(
    countOption("--max-instructions"),
  ),
  new Option("--trace [file]", "a line for each instruction; - for standard output (default file: standard error)"),
  new Option("--stats <json:file>", "what was counted, as JSON; json:- for standard output").argParser(statsOption),
  new Option(
    "--rtc-start <time>",
    "the clock at power-on, seconds or ISO 8601 (default: 2026-01-01T00:00:00Z)",
  ).argParser(timeOption),
  new Option("--dumpdtb <file>", "write the device tree and end"),
  new Option("--gdb <port>", "wait for GDB at that port before the first instruction").argParser(portOption),
  new Option("--no-reboot", "end when the software asks for a reset"),
];

/** QEMU's spellings that aren't a dash more of ours. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  "-nographic": [],
  "-nodefaults": [],
  "-S": [],
  "-s": ["--gdb", "1234"],
  "-drive": ["--disk"],
};

/** Puts arguments with one dash (`-kernel`) as those with two; what follows an option that takes a value stays. */
export function normalize(args: readonly string[], options: readonly Option[]): string[] {
  const takesValue = (arg: string) =>
    options.some(({ short, long, required }) => required && [short, long].includes(arg));
  const result: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const words = SPELLINGS[args[i]] ?? [/^-[a-zA-Z][a-zA-Z-]+$/.test(args[i]) ? `-${args[i]}` : args[i]];
    result.push(...words);
    const last = words.at(-1);
    if (last !== undefined && words.length === 1 && takesValue(last) && i + 1 < args.length) result.push(args[++i]);
  }
  return result;
}
