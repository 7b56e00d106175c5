// Runs in worker threads: several at a time, and the main thread stays free to show progress and to be interrupted.
// A run shares nothing with another but the bytes of the disk image, which it only reads: the figures don't depend on `jobs`.
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type Runner, type RunWatch, run, runTest, type TestConfig, type TestResult, UserError } from "../index.js";

/** What a worker can do: each takes plain data, and gives it. */
const TASKS = { run, test: (config: TestConfig) => runTest(config) };
type Tasks = typeof TASKS;
type TaskName = keyof Tasks;
interface Order {
  readonly task: TaskName;
  readonly config: Parameters<Tasks[TaskName]>[0];
}

type Answer =
  | { kind: "progress"; dmaBytes: number; cycles: number }
  | { kind: "done"; result: unknown }
  | { kind: "user-error"; problem: string; place: string; remedy: string }
  | { kind: "error"; message: string };

const ROLE = "yado-run";

/** Whether this thread is one of the pool's. */
export function isRunner(): boolean {
  return !isMainThread && (workerData as { role?: string } | null)?.role === ROLE;
}

/** The life of a worker: takes configurations, answers with results. */
export function serveRuns(): void {
  const port = parentPort!;
  const answer = (message: Answer) => port.postMessage(message);
  port.on("message", ({ task, config }: Order) => {
    try {
      const progress = (dmaBytes: number, cycles: number) => answer({ kind: "progress", dmaBytes, cycles });
      const act = TASKS[task] as (config: unknown, hooks: { progress: RunWatch["progress"] }) => unknown;
      answer({ kind: "done", result: act(config, { progress }) });
    } catch (error) {
      if (error instanceof UserError) {
        const { problem, place, remedy } = error;
        answer({ kind: "user-error", problem, place, remedy });
      } else {
        answer({ kind: "error", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      }
    }
  });
}

interface Job {
  readonly order: Order;
  readonly watch: RunWatch;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

/** A number of workers, and the jobs that wait for them. */
export class Pool {
  private readonly waiting: Job[] = [];
  private readonly idle: Worker[] = [];
  private readonly busy = new Map<Worker, Job>();
  private readonly workers = new Set<Worker>();

  /** @param script the file whose `main` calls `serveRuns` where `isRunner` */
  constructor(
    private readonly jobs: number,
    private readonly script: URL,
  ) {}

  /** Runs one configuration as soon as a worker is free. */
  readonly run: Runner = (config, watch) => this.submit({ task: "run", config }, watch);

  /** Runs one test of a suite. */
  readonly test = (config: TestConfig): Promise<TestResult> =>
    this.submit({ task: "test", config }, { started: () => {}, progress: () => {} });

  private submit<T>(order: Order, watch: RunWatch): Promise<T> {
    return new Promise((resolve: (result: T) => void, reject) => {
      this.waiting.push({ order, watch, resolve, reject });
      this.next();
    });
  }

  async close(): Promise<void> {
    this.waiting.length = 0;
    this.busy.clear();
    await Promise.all([...this.workers].map((worker) => worker.terminate()));
  }

  private next(): void {
    if (this.waiting.length === 0) return;
    const worker = this.idle.pop() ?? (this.workers.size < this.jobs ? this.hire() : undefined);
    if (worker) this.give(worker, this.waiting.shift()!);
  }

  private hire(): Worker {
    const worker = new Worker(this.script, { workerData: { role: ROLE } });
    this.workers.add(worker);
    worker.on("message", (answer: Answer) => this.hear(worker, answer));
    worker.on("error", (error) => this.lose(worker, error));
    worker.on("exit", () => this.lose(worker, new Error("a worker ended before its run did")));
    return worker;
  }

  private give(worker: Worker, job: Job): void {
    this.busy.set(worker, job);
    job.watch.started();
    worker.postMessage(job.order);
  }

  private hear(worker: Worker, answer: Answer): void {
    const job = this.busy.get(worker);
    if (!job) return;
    if (answer.kind === "progress") {
      job.watch.progress(answer.dmaBytes, answer.cycles);
      return;
    }
    this.busy.delete(worker);
    this.idle.push(worker);
    if (answer.kind === "done") job.resolve(answer.result as never);
    else job.reject(failure(answer));
    this.next();
  }

  private lose(worker: Worker, error: Error): void {
    const job = this.busy.get(worker);
    this.busy.delete(worker);
    this.workers.delete(worker);
    job?.reject(error);
  }
}

function failure(answer: Exclude<Answer, { kind: "progress" | "done" }>): Error {
  if (answer.kind === "user-error") return new UserError(answer.problem, answer.place, answer.remedy);
  if (/WebAssembly\.Memory|could not allocate memory/i.test(answer.message)) {
    return new UserError("this computer has too little free memory", "--memory", "Give guests less, or use --jobs 1");
  }
  return new Error(answer.message);
}
