// Standard output and error: colours on a terminal only, a closed pipe is no error, a full disk one line.
import { styleText } from "node:util";
import { type Paint, plain } from "../index.js";
import { reason } from "./files.js";

/** The output can't be written: the user's matter, as input that can't be used. */
const UNWRITABLE = 2;

/** Ends quietly when the reader of a pipe is gone, as in `yado compare | head`; with one line when there is no room. */
export function tolerateUnwritable(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit();
      if (stream === process.stdout) complain(`yado: can't write to standard output: ${reason(error)}\n`);
      process.exit(UNWRITABLE);
    });
  }
}

export function print(text: string): void {
  process.stdout.write(text);
}

export function complain(text: string): void {
  process.stderr.write(text);
}

/** How tables may look on standard output. */
export function tableOptions(): { width: number; paint: Paint } {
  const { isTTY, columns } = process.stdout;
  const width = isTTY ? Math.min(160, Math.max(120, columns ?? 160)) : 160;
  const paint: Paint = isTTY && !process.env.NO_COLOR ? (style, text) => styleText(style, text) : plain;
  return { width, paint };
}
