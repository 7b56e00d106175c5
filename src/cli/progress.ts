// What is running and how far it is: a bar on a terminal, a line per quarter elsewhere. On standard error.
import { bytes } from "../index.js";

const BAR = 24;
const REDRAW_MS = 100;

interface Task {
  done: number;
  total: number;
  quarter: number;
}

/** Shows the progress of named tasks, several at a time. */
export class Progress {
  private readonly tasks = new Map<string, Task>();
  private drawn = 0;
  private readonly terminal: boolean;

  constructor(
    private readonly quiet: boolean,
    private readonly out: NodeJS.WriteStream = process.stderr,
  ) {
    this.terminal = Boolean(out.isTTY) && !quiet;
  }

  start(name: string, total: number): void {
    if (this.quiet) return;
    this.tasks.set(name, { done: 0, total, quarter: 0 });
    if (!this.terminal) this.out.write(`${name}: ${total > 0 ? `0 of ${bytes(total)}` : "started"}\n`);
    this.draw(true);
  }

  advance(name: string, done: number): void {
    const task = this.tasks.get(name);
    if (!task || done <= task.done) return;
    task.done = done;
    const quarter = task.total > 0 ? Math.floor((4 * done) / task.total) : 0;
    if (!this.terminal && quarter > task.quarter && quarter < 4) {
      this.out.write(`${name}: ${bytes((task.total * quarter) / 4)} of ${bytes(task.total)}\n`);
    }
    task.quarter = Math.max(task.quarter, quarter);
    this.draw(false);
  }

  finish(name: string, word: string): void {
    if (!this.tasks.delete(name)) return;
    this.clear();
    this.out.write(`${name}: ${word}\n`);
    this.draw(true);
  }

  /** Takes the bars away, before other text. */
  clear(): void {
    if (this.terminal) this.out.write("\r\x1b[K");
  }

  private draw(now: boolean): void {
    if (!this.terminal || this.tasks.size === 0) return;
    const time = Date.now();
    if (!now && time - this.drawn < REDRAW_MS) return;
    this.drawn = time;
    const parts = [...this.tasks].map(([name, { done, total }]) => {
      if (total === 0) return name;
      const filled = total > 0 ? Math.round((BAR * done) / total) : 0;
      return `${name} ${"█".repeat(filled)}${"░".repeat(BAR - filled)} ${(done / 1e6).toFixed(1)}/${(total / 1e6).toFixed(1)} MB`;
    });
    const room = (this.out.columns ?? 120) - 1;
    const line = parts.join("   ");
    this.out.write(`\r\x1b[K${line.length > room ? `${line.slice(0, room - 1)}…` : line}`);
  }
}
