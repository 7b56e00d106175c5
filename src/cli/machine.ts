// `yado run --kernel …`: a machine of one's own, in the habits of QEMU's users.
import { accessSync, constants, realpathSync } from "node:fs";
import { dirname } from "node:path";
import {
  type BoardDisk,
  deviceTreeOf,
  type DiskImage,
  type Pause,
  openImage,
  Session,
  type SessionConfig,
  type SessionNetworkConfig,
  type SessionEnd,
  type Software,
  UserError,
} from "../index.js";
import { ConsoleStream } from "./console.js";
import { GdbPort } from "./gdb.js";
import { TraceFile } from "./trace-file.js";
import { checkOutput, readBytes, writeWhole } from "./files.js";
import { CaptureFile } from "./network.js";
import type { DiskOption, MachineOptions } from "./machine-options.js";
import { Status } from "./session.js";
import { readInitrd, readProgram } from "./software.js";
import { complain } from "./terminal.js";

const DEFAULT_MEMORY = 512 * 2 ** 20;
/** Bytes of a file that the web server has. */
const MAX_SERVED = 2 ** 31;
const MEMORY_UNIT = 0x1_0000;
const MAX_MEMORY = 0x6000_0000;
/** Milliseconds of a slice between two looks at the world outside. */
const SLICE_MS = 20;
const FIRST_SLICE = 1_000_000;
/** Seconds of idle time that a terminal's machine may be ahead of the clock on the wall. */
const AHEAD = 0.004;
const LONGEST_SLEEP = 3600;

/** A disk and the image behind it, to be written when the run is over. */
interface Disk {
  readonly image: DiskImage;
  readonly keep: boolean;
  readonly board: BoardDisk;
}

export async function runMachine(options: MachineOptions): Promise<void> {
  const memory = checkMemory(options.memory ?? DEFAULT_MEMORY);
  const software = readSoftware(options, memory);
  const trace = typeof options.trace === "string" ? options.trace : undefined;
  const outputs = [options.stats, options.dumpdtb, trace, options.pcap];
  const inputs = [options.kernel, options.initrd, options.bios, ...(options.disk ?? []).map(({ file }) => file)];
  for (const [i, flag] of ["--stats", "--dumpdtb", "--trace", "--pcap"].entries()) {
    const path = outputs[i];
    if (path !== undefined && path !== "-")
      checkOutput(
        path,
        flag,
        inputs.filter((input) => input !== undefined),
      );
  }
  const disks = openDisks(options.disk ?? []);
  const settings = {
    ramSize: memory,
    harts: options.smp ?? 1,
    core: options.timing === "caches" ? ("timed" as const) : ("flat" as const),
    software,
    bootargs: options.append,
    disks: disks.map(({ board }) => board),
    network: readNetwork(options),
    aia: options.aia ?? options.machine ?? "none",
    rtcStart: options.rtcStart,
    console: options.console,
    maxCycles: options.maxCycles,
    maxInstructions: options.maxInstructions,
    noReboot: options.reboot === false,
  };
  if (options.dumpdtb !== undefined) {
    writeWhole(options.dumpdtb, deviceTreeOf(settings), "--dumpdtb");
    return;
  }
  if (!software.kernel && typeof software.firmware === "string") {
    throw new UserError(
      "there is nothing to run",
      "--kernel",
      "Name a kernel with --kernel, or a scenario with --scenario",
    );
  }
  const run = new MachineRun(settings, options);
  try {
    await run.toItsEnd();
  } finally {
    run.close();
  }
  for (const { image, keep } of disks) {
    if (keep) image.commit();
    image.close();
  }
  run.report();
}

function checkMemory(memory: number): number {
  const remedy = `Give a multiple of 64K up to ${MAX_MEMORY / 2 ** 20}M`;
  if (memory === 0 || memory % MEMORY_UNIT !== 0 || memory > MAX_MEMORY) {
    throw new UserError(`${memory} bytes of memory are impossible`, "--memory", remedy);
  }
  return memory;
}

function readSoftware(options: MachineOptions, memory: number): Software {
  const { kernel, initrd, bios = "default", append } = options;
  if (initrd !== undefined && kernel === undefined) throw needless("--initrd");
  if (append !== undefined && kernel === undefined) throw needless("--append");
  const named = { none: "none", default: "built-in", "built-in": "built-in" } as const;
  return {
    firmware: named[bios as keyof typeof named] ?? readProgram(bios, "--bios", memory),
    kernel: kernel === undefined ? undefined : readProgram(kernel, "--kernel", memory, options.kernelFormat === "raw"),
    initrd: initrd === undefined ? undefined : readInitrd(initrd, "--initrd", memory),
  };
}

/** The interfaces, and around them what any of the options says. */
function readNetwork({ net, serve = [], pcap }: MachineOptions): SessionNetworkConfig | undefined {
  for (const [flag, given] of [
    ["--serve", serve.length > 0],
    ["--pcap", pcap !== undefined],
  ] as const) {
    if (given && !net) throw new UserError("there is no network interface", flag, "Add one with --net");
  }
  if (!net) return undefined;
  const contents = serve.map(({ path, content }) => {
    const place = `--serve ${path}`;
    return [path, "file" in content ? readBytes(content.file, place, MAX_SERVED) : content] as const;
  });
  const around = { ...Object.assign({}, ...net.map((each) => each.around)), files: Object.fromEntries(contents) };
  return { nics: net.map(({ interface: kind, mac }) => ({ interface: kind, mac })), around };
}

const needless = (flag: string) => new UserError("there is no kernel for it", flag, "Name a kernel with --kernel");

function openDisks(options: readonly DiskOption[]): Disk[] {
  const paths = new Map<string, boolean>();
  return options.map(({ file, if: kind, readonly, snapshot }) => {
    const place = `--disk: ${file}`;
    const image = openImage(file, readonly);
    const keep = !readonly && !snapshot;
    const path = realpathSync(file);
    if (paths.has(path) && (keep || paths.get(path))) {
      throw new UserError("is given twice, and written", place, "Add readonly=on or snapshot=on to each");
    }
    paths.set(path, keep);
    if (keep) checkWritable(path, place);
    return { image, keep, board: { medium: image, interface: kind } };
  });
}

function checkWritable(path: string, place: string): void {
  try {
    accessSync(path, constants.W_OK);
    accessSync(dirname(path), constants.W_OK);
  } catch {
    throw new UserError("may not be written", place, "Add readonly=on, or snapshot=on to keep changes to the run");
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** One session with the world around it. */
class MachineRun {
  private readonly session: Session;
  private readonly console: ConsoleStream;
  private readonly gdb: GdbPort | undefined;
  private readonly trace: TraceFile | undefined;
  private readonly capture: CaptureFile | undefined;
  private readonly handlers = SIGNALS.map(
    (signal) => [signal, () => this.end({ kind: "interrupted", signal })] as const,
  );
  /** Seconds of idle time not yet slept. */
  private owed = 0;
  private began = 0;

  constructor(
    config: SessionConfig,
    private readonly options: MachineOptions,
  ) {
    this.console = new ConsoleStream(options.serial ?? { kind: "stdio" }, () => this.end({ kind: "quit" }));
    const { gdb, trace } = options;
    if (gdb !== undefined) {
      const attention = () => this.console.rouse();
      this.gdb = new GdbPort(gdb, { kill: () => this.end({ kind: "quit" }), attention });
    }
    if (trace !== undefined) this.trace = new TraceFile(trace);
    if (options.pcap !== undefined) this.capture = new CaptureFile(options.pcap);
    const { network } = config;
    this.session = new Session({
      ...config,
      network: network && { ...network, onCapture: this.capture?.write },
      paced: this.console.terminal,
      onOutput: (byte) => this.console.print(byte),
      onTrace: this.trace?.write,
      debugger: this.gdb?.target,
    });
    for (const [signal, handler] of this.handlers) process.on(signal, handler);
    process.stdout.removeAllListeners("error"); // the reader of a pipe is gone: the machine ends, its disks are kept
    process.stdout.on("error", () => this.end({ kind: "interrupted", signal: "SIGPIPE" }));
  }

  private end(reason: SessionEnd): void {
    this.session.stop(reason);
    this.console.interrupt();
    this.gdb?.interrupt();
  }

  async toItsEnd(): Promise<void> {
    const { session, console } = this;
    await console.open();
    await this.gdb?.open();
    this.began = performance.now();
    let cycles = FIRST_SLICE;
    while (!session.end) {
      await this.gdb?.ready(() => session.end !== undefined);
      if (session.end) break;
      for (const bytes of console.take()) session.type(bytes);
      const began = performance.now();
      const pause = session.run(cycles);
      const took = performance.now() - began;
      if (pause.kind === "deadline")
        cycles = Math.max(1000, Math.round(cycles * Math.min(2, SLICE_MS / Math.max(took, 0.1))));
      await console.flush();
      this.gdb?.settle();
      if (!session.end) await this.rest(pause);
    }
    session.stop(session.end);
    await console.flush();
    this.trace?.close();
  }

  /** What lies between two slices. */
  private async rest(pause: Pause): Promise<void> {
    const { console } = this;
    if (pause.kind === "deadlock") {
      if (!console.live && !this.gdb) this.end({ kind: "deadlock" });
      else await console.sleep(LONGEST_SLEEP * 1000);
    } else if (pause.kind === "idle") {
      await this.idle(pause.until);
    } else {
      await new Promise(setImmediate);
    }
  }

  /** A terminal's machine has nothing to do before cycle `until`: its time passes as on the wall, or until somebody types. */
  private async idle(until: number): Promise<void> {
    const { machine } = this.session;
    const { frequency } = machine.costs;
    const { now } = machine;
    const ahead = Math.min(LONGEST_SLEEP, (until - now) / frequency);
    this.owed += ahead;
    machine.idleLimit = now + Math.ceil(ahead * frequency);
    if (this.owed < AHEAD) return;
    const began = performance.now();
    await this.console.sleep(this.owed * 1000);
    const slept = (performance.now() - began) / 1000;
    const cut = Math.max(0, this.owed - slept);
    machine.idleLimit = now + Math.max(1, Math.ceil(Math.max(0, ahead - cut) * frequency));
    this.owed = 0;
  }

  close(): void {
    for (const [signal, handler] of this.handlers) process.off(signal, handler);
    this.console.close();
    this.capture?.close();
    this.gdb?.close(this.session.end ? exitCode(this.session.end) : Status.Failed);
  }

  /** What happened: a line, the statistics, the exit code. */
  report(): void {
    const { session, options } = this;
    const end = session.end!;
    const counts = session.counts();
    const wallSeconds = (performance.now() - this.began) / 1000;
    const mips = counts.instructions / wallSeconds / 1e6;
    if (options.stats !== undefined) {
      const host = { wallSeconds, mips, node: process.version, platform: `${process.platform}-${process.arch}` };
      const document = `${JSON.stringify({ schema: "yado.machine/1", end, ...counts, host }, null, 2)}\n`;
      if (options.stats === "-") process.stdout.write(document);
      else writeWhole(options.stats, document, "--stats");
    }
    const plain = end.kind === "finished" && end.code === 0 && !process.stderr.isTTY;
    if (!plain && (!options.quiet || end.kind === "guest-error" || end.kind === "deadlock")) {
      const figures = `${counts.instructions} instructions, ${counts.seconds.toFixed(3)} s of its time, ${wallSeconds.toFixed(1)} s of ours`;
      complain(`yado: ${sentence(end)} (${figures}, ${mips.toFixed(1)} MIPS)\n`);
    }
    process.exitCode = exitCode(end);
  }
}

function sentence(end: SessionEnd): string {
  switch (end.kind) {
    case "finished":
      return end.code === 0 ? "the machine is off" : `the machine is off, with code ${end.code}`;
    case "reset":
      return "the machine asked for a reset";
    case "limit":
      return `stopped by --${end.limit}`;
    case "guest-error":
      return `hart ${end.hart} can't go on: ${end.message}, pc ${end.pc}${end.address === undefined ? "" : `, address ${end.address}`}`;
    case "deadlock":
      return "every hart waits, and nothing will wake one";
    case "interrupted":
      return `interrupted by ${end.signal}`;
    case "quit":
      return "ended at the console";
  }
}

const SIGNAL_CODES = { SIGHUP: 129, SIGINT: Status.Interrupted, SIGPIPE: 141, SIGTERM: Status.Terminated };
/** As timeout(1) has it. */
const LIMIT_REACHED = 124;

function exitCode(end: SessionEnd): number {
  switch (end.kind) {
    case "finished":
      return end.code === 0 ? 0 : end.code & 0xff || 1;
    case "limit":
      return LIMIT_REACHED;
    case "guest-error":
    case "deadlock":
      return Status.Failed;
    case "interrupted":
      return SIGNAL_CODES[end.signal];
    default:
      return 0;
  }
}
