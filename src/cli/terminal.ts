// Standard output and error: colours on a terminal only, a closed pipe is no error.
import { styleText } from "node:util";
import { type Paint, plain } from "../index.js";

/** Ends quietly when the reader of a pipe is gone, as in `yado compare | head`. */
export function tolerateClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      process.exit();
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
