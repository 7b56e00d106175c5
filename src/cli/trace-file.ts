// Where a trace goes: a file or standard error, in large pieces.
import { closeSync, openSync, writeSync } from "node:fs";
import { UserError } from "../index.js";
import { reason } from "./files.js";

const PIECE = 0x1_0000;
const STDERR = 2;

export class TraceFile {
  private readonly file: number;
  private text = "";

  /** @param path true: standard error */
  constructor(private readonly path: string | true) {
    try {
      this.file = path === true ? STDERR : openSync(path, "w");
    } catch (error) {
      throw this.unwritable(error);
    }
  }

  readonly write = (line: string): void => {
    this.text += `${line}\n`;
    if (this.text.length >= PIECE) this.flush();
  };

  private flush(): void {
    const bytes = Buffer.from(this.text);
    this.text = "";
    for (let at = 0; at < bytes.length; ) at += this.put(bytes.subarray(at));
  }

  private put(bytes: Uint8Array): number {
    try {
      return writeSync(this.file, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0; // a slow reader of a pipe
      throw this.unwritable(error);
    }
  }

  private unwritable(error: unknown): UserError {
    const name = this.path === true ? "standard error" : this.path;
    return new UserError(`can't write ${name}: ${reason(error)}`, "--trace", "Choose another file, or make room");
  }

  close(): void {
    this.flush();
    if (this.file !== STDERR) closeSync(this.file);
  }
}
