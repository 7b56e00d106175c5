// Where a trace goes: a file, standard error or standard output, in large pieces.
import { closeSync, openSync, writeSync } from "node:fs";
import { UserError } from "../index.js";
import { reason } from "./files.js";

const PIECE = 0x1_0000;
const STANDARD = new Map<string | true, number>([
  [true, 2],
  ["-", 1],
]);

export class TraceFile {
  private readonly file: number;
  private text = "";

  /** @param path true: standard error; "-": standard output */
  constructor(private readonly path: string | true) {
    try {
      this.file = STANDARD.get(path) ?? openSync(path as string, "w");
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
    if (!STANDARD.has(this.path)) closeSync(this.file);
  }
}
