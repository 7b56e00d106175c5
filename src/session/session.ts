// A machine of one's own from power-on to its end: software loaded, limits kept, reboots made, what happened counted.
import { HART_CYCLES, HART_INSTRET } from "../../assembly/layout.js";
import { Core } from "../core/core.js";
import type { CoreBuild } from "../core/instance.js";
import { type Board, type BoardConfig, type BoardDisk, buildBoard, DEFAULT_RTC_START } from "../platform/board.js";
import { boot, type Software } from "../platform/boot.js";
import { Console } from "../platform/console.js";
import type { AiaMode } from "../platform/devicetree.js";
import { Firmware } from "../platform/firmware.js";
import { attachHtif } from "../platform/htif.js";
import { isElf } from "../platform/kernel.js";
import type { Machine, StopReason } from "../platform/machine.js";
import { SessionNetwork, type SessionNetworkConfig } from "./network.js";
import { PatientConsole } from "./virtio-input.js";
import type { Debugger } from "./debugger.js";
import { coreEngine, limited, retired } from "./engine.js";
import { traced } from "./trace.js";

export interface SessionConfig {
  /** Bytes of RAM. */
  ramSize: number;
  harts: number;
  core: CoreBuild;
  software: Software;
  bootargs?: string;
  disks: readonly BoardDisk[];
  /** Network interfaces, and what is around them; none if left out. */
  network?: SessionNetworkConfig;
  aia: AiaMode;
  /** Time at power-on, in seconds since 1970. */
  rtcStart?: number;
  /** What is typed at: the UART, as left out, or a virtio console, whose output is printed like the UART's. */
  console?: ConsoleDevice;
  /** Sees every byte that the machine prints. */
  onOutput?: (byte: number) => void;
  /** Whether time waits for `idleLimit` of the machine while nobody runs; else it passes at once. */
  paced?: boolean;
  /** Whether a reset request ends the run. */
  noReboot?: boolean;
  /** Gets a line for each instruction, see trace.ts. */
  onTrace?: (line: string) => void;
  debugger?: Debugger;
  /** Limits over all reboots; instructions of all harts together. */
  maxCycles?: number;
  maxInstructions?: number;
}

export type ConsoleDevice = "uart" | "virtio";

/** Why a session is over. */
export type SessionEnd =
  | { kind: "finished"; code: number }
  | { kind: "reset" }
  | { kind: "limit"; limit: "max-cycles" | "max-instructions" }
  | { kind: "guest-error"; message: string; hart: number; pc: string; address?: string }
  /** Everybody waits, and nothing will come any more. */
  | { kind: "deadlock" }
  /** The user's: a signal, or the console's escape. */
  | { kind: "interrupted"; signal: "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGPIPE" }
  | { kind: "quit" };

/** Why `run` returned: the end, or something to wait for. */
export type Pause = Exclude<StopReason, { kind: "finished" | "reset" | "guest-error" }>;

/** Counts of one hart. */
export interface HartCounts {
  instructions: number;
  cycles: number;
}

export interface Counts {
  instructions: number;
  cycles: number;
  seconds: number;
  harts: HartCounts[];
  exits: { mmio: number; waits: number; firmware: number };
  reboots: number;
  consoleBytes: number;
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

export class Session {
  readonly core: Core;
  readonly console: Console;
  /** The device tree of the latest boot. */
  deviceTree = new Uint8Array();
  end: SessionEnd | undefined;
  private current: Machine;
  /** Has the device look for what was typed. */
  private poll: () => void = () => {};
  private readonly network: SessionNetwork;
  private reboots = 0;
  private finishTrace: () => void = () => {};
  /** Of the boots before the current one. */
  private before: Omit<Counts, "reboots" | "consoleBytes">;

  constructor(private readonly config: SessionConfig) {
    this.core = new Core(config.ramSize, config.core);
    this.console = new Console(config.onOutput);
    this.before = noCounts(config.harts);
    this.network = new SessionNetwork(config.network, config.rtcStart ?? DEFAULT_RTC_START);
    this.current = this.powerOn();
  }

  get machine(): Machine {
    return this.current;
  }

  private powerOn(): Machine {
    const { config, core } = this;
    const { harts, disks, aia, bootargs } = config;
    const rtcStart = (config.rtcStart ?? DEFAULT_RTC_START) + Math.floor(this.before.seconds);
    const board: Board = buildBoard({
      ...{ core, harts, disks, aia, rtcStart, ...this.behind() },
      nics: this.network.powerOn(this.before.cycles),
    });
    this.poll = () => (board.virtioConsole ?? board.machine.uart).poll();
    const supervisorOnly = config.software.firmware === "built-in";
    boot(board.machine, config.software, (initrd) => {
      this.deviceTree = board.tree({ bootargs, initrd, supervisorOnly }) as Uint8Array<ArrayBuffer>;
      return this.deviceTree;
    });
    if (config.software.kernel && isElf(config.software.kernel.bytes))
      attachHtif(board.machine, config.software.kernel.bytes);
    this.attend(board.machine);
    this.poll();
    return board.machine;
  }

  /** Who sits at the serial line and at the virtio console: where there is one, it is typed at alone. */
  private behind(): Pick<BoardConfig, "console" | "virtioConsole"> {
    const { console, config } = this;
    if (config.console !== "virtio") return { console };
    const virtioConsole = new PatientConsole(
      console,
      () => this.machine.events,
      () => this.poll(),
    );
    return { console: new Console((byte) => console.write(byte)), virtioConsole };
  }

  /** How its harts are run: traced, debugged, limited. */
  private attend(machine: Machine): void {
    const { core, config } = this;
    if (config.paced) machine.idleLimit = 0;
    let engine = coreEngine(core);
    if (config.onTrace) {
      const tracing = traced(core, engine, config.onTrace);
      this.finishTrace = tracing.finish;
      engine = tracing;
    }
    if (config.debugger) engine = config.debugger.attach(machine, engine);
    if (config.maxInstructions !== undefined) {
      engine = limited(machine, engine, config.maxInstructions - this.before.instructions, () => {
        this.end ??= { kind: "limit", limit: "max-instructions" };
        machine.pause();
      });
    }
    machine.execute = engine.run;
  }

  /** Ends the session from outside, if it isn't over; prints what is still on the serial line. */
  stop(end: SessionEnd): void {
    this.end ??= end;
    this.machine.uart.drain();
    this.finishTrace();
  }

  /** Types at the machine's console. */
  type(bytes: Uint8Array): void {
    this.console.type(bytes);
    this.poll();
  }

  /**
   * Runs until something stands in the way, such as a reset, which is made; when that is the end, `end` says which.
   * @param cycles after how many it may return, at a place where that changes nothing
   */
  run(cycles = Infinity): Pause {
    const { machine } = this;
    const limit = (this.config.maxCycles ?? Infinity) - this.before.cycles;
    const reason = machine.run(limit, machine.now + cycles);
    if (this.end) return { kind: "paused" };
    switch (reason.kind) {
      case "reset":
        if (this.config.noReboot) this.end = reason;
        else this.reboot();
        return { kind: "paused" };
      case "finished":
        this.end = reason;
        return { kind: "paused" };
      case "guest-error":
        this.end = this.failure(reason);
        return { kind: "paused" };
      case "deadline":
        if (machine.now >= limit) this.end = { kind: "limit", limit: "max-cycles" };
        return reason;
      default:
        return reason;
    }
  }

  private failure({ message, address }: { message: string; address?: number }): SessionEnd {
    const { core } = this;
    return {
      kind: "guest-error",
      message,
      hart: core.selected,
      pc: hex(core.pc),
      ...(address === undefined ? {} : { address: hex(address) }),
    };
  }

  /** Off and on again: RAM is empty, disks and console stay, the clock goes on. */
  private reboot(): void {
    const { cycles, seconds, instructions, harts, exits } = this.counts();
    this.before = { cycles, seconds, instructions, harts, exits };
    this.reboots++;
    this.core.ram.fill(0);
    this.core.exports.reset();
    this.current = this.powerOn();
  }

  counts(): Counts {
    const { machine, before } = this;
    const harts = machine.harts.map(({ state }, i) => ({
      instructions: before.harts[i].instructions + state.number(HART_INSTRET),
      cycles: before.harts[i].cycles + state.number(HART_CYCLES),
    }));
    const { supervisor } = machine;
    const cycles = before.cycles + machine.now;
    return {
      instructions: before.instructions + retired(machine),
      cycles,
      seconds: cycles / machine.costs.frequency,
      harts,
      exits: {
        mmio: before.exits.mmio + machine.mmioAccesses,
        waits: before.exits.waits + machine.waits,
        firmware: before.exits.firmware + (supervisor instanceof Firmware ? supervisor.calls : 0),
      },
      reboots: this.reboots,
      consoleBytes: this.console.written,
    };
  }
}

/** The device tree that the software would get; without a kernel, the board's alone. */
export function deviceTreeOf(config: SessionConfig): Uint8Array {
  const { software, ramSize, harts, aia, disks, network, bootargs } = config;
  if (software.kernel || typeof software.firmware !== "string") return new Session(config).deviceTree;
  const nics = new SessionNetwork(network, 0).powerOn(0);
  return buildBoard({ core: new Core(ramSize, config.core), harts, aia, disks, nics }).tree({ bootargs });
}

function noCounts(harts: number): Omit<Counts, "reboots" | "consoleBytes"> {
  return {
    instructions: 0,
    cycles: 0,
    seconds: 0,
    harts: Array.from({ length: harts }, () => ({ instructions: 0, cycles: 0 })),
    exits: { mmio: 0, waits: 0, firmware: 0 },
  };
}
