// Boots the stock Debian guest with `yado run`, as a user does. The guest follows a script in BusyBox's shell.
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { initramfs, LEAN, linuxGuest } from "../../scripts/linux/guest.mjs";

const COMMAND = fileURLToPath(new URL("../../bin/yado.mjs", import.meta.url));

/** Undefined where there is none: see scripts/linux/fetch.mjs. */
export const guest = linuxGuest();

/** Printed once, by the shell of user space. */
export const PROMPT = "yado: the shell is ready";

export interface Boot {
  /** What the shell does after it has printed PROMPT; it must end the machine. */
  readonly script: string;
  readonly modules?: readonly string[];
  readonly harts?: number;
  readonly firmware?: "built-in" | "opensbi";
  /** Options of `yado run` beyond those. */
  readonly options?: readonly string[];
  /** Kernel parameters beyond the console; default: those that make the boot short. */
  readonly append?: string;
  /** Typed at the console before the machine starts. */
  readonly input?: string;
}

export interface Booted {
  readonly status: number | null;
  /** What the guest printed, by lines, without the kernel's time stamps. */
  readonly lines: readonly string[];
  readonly stderr: string;
  /** What `--stats` says, apart from the host's own time. */
  readonly counts: { readonly instructions: number; readonly reboots: number };
}

/** An empty directory, gone after the test. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "yado-linux-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

export async function boot(what: Boot): Promise<Booted> {
  const { script, modules = [], harts = 1, firmware = "built-in", options = [], append = LEAN, input = "" } = what;
  const directory = scratch();
  const initrd = join(directory, "initrd.gz");
  const stats = join(directory, "stats.json");
  const typed = join(directory, "typed");
  writeFileSync(initrd, initramfs(guest!, { script: `echo "${PROMPT}"\n${script}\n`, modules }));
  const args = [
    ...["run", "-m", "512M", "-smp", String(harts), "--kernel", guest!.image, "--initrd", initrd],
    ...["--append", `console=ttyS0 ${append}`, "--stats", `json:${stats}`, "--quiet"],
    ...(firmware === "opensbi" ? ["--bios", guest!.opensbi] : []),
    ...options,
  ];
  writeFileSync(typed, input);
  const { status, stdout, stderr } = await run(args, typed);
  const lines = stdout.split(/\r?\n/).map((line) => line.replace(/^\[ *\d+\.\d+\] /, ""));
  const { host, ...counts } = JSON.parse(readFileSync(stats, "utf8"));
  return { status, lines, stderr, counts };
}

/** Runs the command with a file as its standard input, which it types as fast as the guest takes it. */
function run(args: readonly string[], input: string): Promise<Pick<Booted, "status" | "stderr"> & { stdout: string }> {
  return new Promise((resolve, reject) => {
    const typed = openSync(input, "r");
    const child = spawn(process.execPath, [COMMAND, ...args], { timeout: 200_000, stdio: [typed, "pipe", "pipe"] });
    closeSync(typed);
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream]!.setEncoding("utf8").on("data", (text: string) => {
        output[stream] += text;
      });
    }
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, ...output }));
  });
}
