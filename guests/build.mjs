// Builds the guests: guests/<name>/*.{S,c} → guests/<name>/<name>.elf, byte for byte the same in any directory.
//   node guests/build.mjs [--out DIRECTORY] [--check] [name…]
// --out writes <name>.elf there instead of beside the source; --check writes nothing and exits 1 where the committed
// file differs, 2 where the tool chain at hand isn't the one named in guests/<name>/toolchain.txt (nothing to compare),
// 3 where there is none.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const GUESTS = ["hello", "probe"];
const PREFIX = "riscv64-unknown-elf-";
const CFLAGS = `-std=gnu11 -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany -O2 -ffreestanding
  -fno-common -fno-strict-aliasing -fno-ident -fno-pic -fno-tree-loop-distribute-patterns -ffunction-sections
  -fdata-sections -mno-relax
  -fno-asynchronous-unwind-tables -msmall-data-limit=0 -Wall -Wextra -Werror`.split(/\s+/);
const LDFLAGS = "-nostdlib -static -Wl,--gc-sections -Wl,--build-id=none -Wl,--no-relax -Wl,--fatal-warnings".split(
  " ",
);

function run(tool, args, cwd = HERE) {
  return execFileSync(PREFIX + tool, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

/** First lines of `gcc --version` and `ld --version`, or undefined where they aren't installed. */
function toolchain() {
  try {
    return `${["gcc", "ld"].map((tool) => run(tool, ["--version"]).split("\n")[0]).join("\n")}\n`;
  } catch {
    return undefined;
  }
}

/** Compiles one guest and returns the bytes of its ELF file. */
function build(name) {
  const directory = join(HERE, name);
  const scratch = mkdtempSync(join(tmpdir(), "yado-guest-"));
  try {
    const sources = readdirSync(directory)
      .filter((file) => /\.[Sc]$/.test(file))
      .sort();
    const objects = sources.map((file) => `${basename(file).replace(/\.[Sc]$/, "")}.o`);
    for (const [i, file] of sources.entries()) {
      const map = `-ffile-prefix-map=${directory}=.`;
      run("gcc", [...CFLAGS, map, "-c", file, "-o", join(scratch, objects[i])], directory);
    }
    const script = join(directory, "link.ld");
    run("gcc", [...CFLAGS, ...LDFLAGS, "-T", script, "-o", "guest.elf", ...objects], scratch);
    return readFileSync(join(scratch, "guest.elf"));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function main(args) {
  const check = args.includes("--check");
  const out = args.includes("--out") ? args[args.indexOf("--out") + 1] : undefined;
  const named = args.filter((arg, i) => !arg.startsWith("--") && args[i - 1] !== "--out");
  const tools = toolchain();
  if (!tools) {
    console.error(`guests: ${PREFIX}gcc isn't installed; the committed ELF files stay as they are`);
    return 3;
  }
  let status = 0;
  for (const name of named.length ? named : GUESTS) {
    const elf = join(HERE, name, `${name}.elf`);
    const note = join(HERE, name, "toolchain.txt");
    if (check && readFileSync(note, "utf8") !== tools) {
      console.error(`${name}: built by another tool chain (${note}), not compared`);
      status ||= 2;
      continue;
    }
    const bytes = build(name);
    if (check) {
      const same = bytes.equals(readFileSync(elf));
      console.log(`${name}: ${same ? "reproduced" : "DIFFERS from its source; run node guests/build.mjs"}`);
      if (!same) status = 1;
      continue;
    }
    writeFileSync(out ? join(out, `${name}.elf`) : elf, bytes);
    if (!out) writeFileSync(note, tools);
    console.log(`${name}: ${bytes.length} bytes`);
  }
  return status;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  console.error(`guests: ${error.message.split("\n")[0]}`);
  process.exitCode = 1;
}
