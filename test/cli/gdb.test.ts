// A stock GDB at a machine of ours: it was built by others, and is the judge.
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./command.js";

const GDB = "gdb-multiarch";
const present = spawnSync(GDB, ["--version"]).status === 0;
if (!present) console.warn(`${GDB} is missing: the debugger's port isn't judged by it`);
const HELLO = join(ROOT, "guests/hello/hello.elf");

/** Runs hello under GDB commands; what GDB says, and how the machine ends. */
async function debug(commands: readonly string[], options: readonly string[] = []) {
  const args = [join(ROOT, "bin/yado.mjs"), "run", "--kernel", HELLO, "--gdb", "0", ...options];
  const machine = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const over = new Promise<number | null>((resolve) => machine.on("close", resolve));
  const port = await new Promise<string>((resolve) => {
    let text = "";
    machine.stderr.on("data", (data: Buffer) => {
      text += data.toString();
      const match = /target remote :(\d+)/.exec(text);
      if (match) resolve(match[1]);
    });
  });
  const all = ["set architecture riscv:rv64", `target remote :${port}`, ...commands];
  const gdb = spawnSync(GDB, ["-nx", "-batch", ...all.flatMap((command) => ["-ex", command]), HELLO], {
    encoding: "utf8",
    timeout: 60_000,
  });
  return { said: gdb.stdout, status: await over };
}

test.skipIf(!present)("GDB reads, steps, breaks and lets go", async () => {
  const { said, status } = await debug(
    [
      "info threads",
      "x/i $pc",
      "si",
      "info registers pc sp",
      "break hello",
      "continue",
      "hbreak *(hello + 22)",
      "continue",
      "info registers pc a0 a7",
      "print $priv",
      "print/x $misa",
      "set var *(int *) $sp = 0x1234",
      "x/wx $sp",
      "delete",
      "continue",
    ],
    ["--smp", "2"],
  );
  expect(said).toContain("Thread 2 (hart 1, stopped)");
  expect(said).toMatch(/=> 0x80200000 <_start>:\s+auipc\s+sp,0x2/);
  expect(said).toMatch(/pc\s+0x80200004/);
  expect(said).toMatch(/Breakpoint 1, 0x0*80200014 in hello/);
  expect(said).toMatch(/Breakpoint 2, 0x0*80200026 in hello/);
  expect(said).toMatch(/a7\s+0x4442434e/);
  expect(said).toContain("$1 = 1");
  expect(said).toMatch(/\$2 = 0x8/);
  expect(said).toMatch(/0x80202000:\s+0x00001234/);
  expect(said).toContain("exited normally");
  expect(status).toBe(0);
});

test.skipIf(!present)("GDB kills a machine that it has no more use for", async () => {
  const { status } = await debug(["break hello", "continue", "kill"]);
  expect(status).toBe(0);
});
