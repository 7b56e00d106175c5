// Builds the measured programs: guests/bench/*.elf, byte for byte the same in any directory.
//   node guests/bench/build.mjs [--check]
// --check writes nothing and exits 1 where a committed file differs, 2 where the tool chain at hand isn't the one named in
// toolchain.txt (nothing to compare), 3 where there is none.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const NOTE = join(HERE, "toolchain.txt");
const PREFIX = "riscv64-unknown-elf-";
const FRAME = ["start.S", "main.c", "board.c"];
/** Program → its sources. */
const PROGRAMS = {
  ...Object.fromEntries(
    ["sieve", "crc32", "quicksort", "matmul", "memcpy", "chase", "fib", "bytecode", "empty", "float"].map((name) => [
      name,
      [...FRAME, `${name}.c`],
    ]),
  ),
  "hypervisor-exit": ["hypervisor-exit.S", "hypervisor-exit.c", "board.c"],
};
const FLAGS = `-std=gnu11 -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany -O2 -ffreestanding -fno-builtin
  -fno-tree-loop-distribute-patterns -fno-common -fno-ident -fno-pic -fno-asynchronous-unwind-tables -mno-relax
  -msmall-data-limit=0 -Wall -Wextra -Werror -Wno-main -nostdlib -static -Wl,--build-id=none -Wl,--no-relax
  -Wl,--gc-sections -Wl,--fatal-warnings -T bench.ld`.split(/\s+/);
/** Programs that need more than the others: flags that come after FLAGS. */
const MORE = { float: ["-march=rv64imafdc_zicsr_zifencei"] };
/** What a runner pokes stays in the symbol table. */
const KEPT = ["repetitions", "ecalls", "accesses"];

const run = (tool, args) => execFileSync(PREFIX + tool, args, { cwd: HERE, encoding: "utf8" });

/** First lines of `gcc --version` and `ld --version`, or undefined where they aren't installed. */
function toolchain() {
  try {
    return `${["gcc", "ld"].map((tool) => run(tool, ["--version"]).split("\n")[0]).join("\n")}\n`;
  } catch {
    return undefined;
  }
}

function build(name, sources, elf) {
  run("gcc", [...FLAGS, ...(MORE[name] ?? []), "-o", elf, ...sources]);
  run("strip", ["--strip-all", ...KEPT.flatMap((symbol) => ["-K", symbol]), elf]);
  return readFileSync(elf);
}

function main(check) {
  const tools = toolchain();
  if (!tools) {
    console.error(`guests/bench: ${PREFIX}gcc isn't installed; the committed ELF files stay as they are`);
    return 3;
  }
  if (check && readFileSync(NOTE, "utf8") !== tools) {
    console.error(`guests/bench: built by another tool chain (${NOTE}), not compared`);
    return 2;
  }
  let status = 0;
  const scratch = mkdtempSync(join(tmpdir(), "yado-bench-"));
  try {
    for (const [name, sources] of Object.entries(PROGRAMS)) {
      const bytes = build(name, sources, join(scratch, `${name}.elf`));
      const elf = join(HERE, `${name}.elf`);
      if (!check) writeFileSync(elf, bytes);
      else if (!bytes.equals(readFileSync(elf))) {
        console.error(`${name}: DIFFERS from its source; run node guests/bench/build.mjs`);
        status = 1;
      }
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
  if (!check) writeFileSync(NOTE, tools);
  if (status === 0)
    console.log(`guests/bench: ${Object.keys(PROGRAMS).length} programs ${check ? "reproduced" : "built"}`);
  return status;
}

process.exitCode = main(process.argv.includes("--check"));
