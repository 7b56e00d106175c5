// Runs the built command as a user does, in a directory of its own.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished, vi } from "vitest";

vi.setConfig({ testTimeout: 120_000 });

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COMMAND = join(ROOT, "bin", "yado.mjs");

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Setting {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export function yado(args: readonly string[], { cwd = ROOT, env = {} }: Setting = {}): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", ...env },
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}

/** An empty directory, gone after the test. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "yado-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}
