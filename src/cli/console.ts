// The person or the stream at the machine's serial line. A terminal is put into raw mode, with QEMU's escape key; a file
// is all there before the machine starts, so that its bytes come at cycles that repeat; a pipe's come as they come.
import { closeSync, fstatSync, openSync, readFileSync, writeSync } from "node:fs";
import { UserError } from "../index.js";
import { checkOutput, reason } from "./files.js";
import type { Serial } from "./machine-options.js";

const ESCAPE = 0x01;
const HELP = "\nCtrl-A X  end the machine\nCtrl-A H  this help\nCtrl-A Ctrl-A  send Ctrl-A\n";
/** Milliseconds that a pipe gets to end before it counts as a live one. */
const PIPE_PATIENCE = 200;

/** Takes QEMU's escape sequences out of what is typed. */
export class EscapeKey {
  private escaped = false;

  constructor(private readonly on: { quit(): void; help(): void }) {}

  /** What the machine gets of it. */
  filter(typed: Uint8Array): Uint8Array {
    const kept: number[] = [];
    for (const byte of typed) {
      if (this.escaped) {
        this.escaped = false;
        if (byte === ESCAPE) kept.push(ESCAPE);
        else if (byte === 0x78 || byte === 0x58) this.on.quit();
        else if (byte === 0x68 || byte === 0x48 || byte === 0x3f) this.on.help();
      } else if (byte === ESCAPE) this.escaped = true;
      else kept.push(byte);
    }
    return Uint8Array.from(kept);
  }
}

/** Bytes in both directions between the machine's run loop and the outside. */
export class ConsoleStream {
  /** Whether input may still come. */
  live = false;
  /** Whether a person sits there, for whom a second should be a second. */
  readonly terminal: boolean;
  private readonly input: Uint8Array[] = [];
  private output: number[] = [];
  private wake: () => void = () => {};
  private readonly file: number | undefined;

  constructor(
    private readonly serial: Serial,
    private readonly onQuit: () => void,
  ) {
    this.terminal = serial.kind === "stdio" && Boolean(process.stdin.isTTY);
    if (serial.kind === "file") {
      checkOutput(serial.path, "--serial");
      try {
        this.file = openSync(serial.path, "w");
      } catch (error) {
        throw new UserError(`can't write ${serial.path}: ${reason(error)}`, "--serial", "Choose another file");
      }
    }
  }

  /** Starts to listen; returns when all input that is there from the start has been taken. */
  async open(): Promise<void> {
    if (this.serial.kind !== "stdio") return;
    const { stdin } = process;
    if (!this.terminal && isFile()) {
      this.put(contents());
      return;
    }
    this.live = true;
    const key = new EscapeKey({ quit: this.onQuit, help: () => process.stdout.write(HELP) });
    stdin.on("data", (data: Buffer) => {
      const bytes = new Uint8Array(data);
      this.put(this.terminal ? key.filter(bytes) : bytes);
    });
    const over = () => {
      this.live = false;
      this.wake();
    };
    for (const event of ["end", "close", "error"]) stdin.on(event, over);
    if (this.terminal) stdin.setRawMode(true);
    stdin.resume();
    const patience = performance.now() + PIPE_PATIENCE;
    while (!this.terminal && this.live && performance.now() < patience) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  private put(bytes: Uint8Array): void {
    if (bytes.length > 0) this.input.push(bytes);
    this.wake();
  }

  /** Everything that came in since the last call. */
  *take(): Generator<Uint8Array> {
    for (let bytes = this.input.shift(); bytes; bytes = this.input.shift()) yield bytes;
  }

  /** Waits until something comes in, or so many milliseconds. */
  sleep(milliseconds: number): Promise<void> {
    if (this.input.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = () => {};
        resolve();
      };
    });
  }

  /** Ends a sleep. */
  rouse(): void {
    this.wake();
  }

  /** Takes no more input. */
  interrupt(): void {
    this.live = false;
    this.wake();
  }

  print(byte: number): void {
    this.output.push(byte);
  }

  /** Hands on what was printed; waits while the reader is slower. */
  async flush(): Promise<void> {
    if (this.output.length === 0) return;
    const bytes = Uint8Array.from(this.output);
    this.output = [];
    if (this.file !== undefined) writeAll(this.file, bytes);
    else if (this.serial.kind === "stdio" && !process.stdout.write(bytes) && !process.stdout.destroyed) {
      await new Promise<void>((resolve) => {
        const done = () => {
          process.stdout.off("drain", done);
          process.stdout.off("close", done);
          process.stdout.off("error", done);
          resolve();
        };
        for (const event of ["drain", "close", "error"]) process.stdout.on(event, done);
      });
    }
  }

  close(): void {
    if (this.terminal) process.stdin.setRawMode(false);
    if (this.serial.kind === "stdio") process.stdin.destroy();
    if (this.file !== undefined) closeSync(this.file);
  }
}

/** Whether standard input is a file, or nothing at all. */
function isFile(): boolean {
  try {
    return fstatSync(0).isFile();
  } catch {
    return true;
  }
}

function contents(): Uint8Array {
  try {
    return new Uint8Array(readFileSync(0));
  } catch {
    return new Uint8Array();
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  } catch (error) {
    throw new UserError(`can't write: ${reason(error)}`, "--serial", "Choose another file, or make room");
  }
}
