// Stock Debian Linux to its shell prompt and off again: Yado under its built-in firmware, and QEMU's TCG with the same kernel,
// initial RAM disk and command line. User CPU time of whole processes; the two take turns; best of several.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initramfs, LEAN, linuxGuest } from "../scripts/linux/guest.mjs";
import { packages, Unavailable } from "../scripts/linux/packages.mjs";
import { cost, digits, qemuInstalled, ROOT, rate, table, timed } from "./support.mjs";

const MEMORY = "512M";
const PROMPT = "yado: the shell is ready";
const BOOTS = [
  { name: "lean", harts: 1, append: `console=ttyS0 ${LEAN}` },
  { name: "default", harts: 1, append: "console=ttyS0" },
  { name: "lean, 4 harts", harts: 4, append: `console=ttyS0 ${LEAN}` },
];

function machineOptions(guest, initrd, { harts, append }) {
  return ["-m", MEMORY, "-smp", String(harts), "--kernel", guest.image, "--initrd", initrd, "--append", append];
}

function prompted(run) {
  if (!run.output.includes(PROMPT)) throw new Error(`no prompt:\n${run.output}`);
  return run;
}

export function run({ quick }) {
  const guest = found();
  if (typeof guest === "string") return { text: `skipped: ${guest}`, figures: [] };
  const directory = mkdtempSync(join(tmpdir(), "yado-bench-"));
  try {
    return measured(guest, directory, quick);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The guest, or why there is none. */
function found() {
  try {
    if (!linuxGuest()) packages((line) => console.error(line));
    return linuxGuest();
  } catch (error) {
    if (error instanceof Unavailable) return error.message;
    throw error;
  }
}

function measured(guest, directory, quick) {
  const initrd = join(directory, "initrd.gz");
  const stats = join(directory, "stats.json");
  writeFileSync(initrd, initramfs(guest, { script: `echo "${PROMPT}"\npoweroff -f\n` }));
  const systems = {
    yado: (boot) => [
      process.execPath,
      [
        join(ROOT, "bin/yado.mjs"),
        "run",
        ...machineOptions(guest, initrd, boot),
        "--stats",
        `json:${stats}`,
        "--quiet",
      ],
    ],
    qemu: (boot) => [
      "qemu-system-riscv64",
      // what QEMU takes with two dashes as with one
      [
        "-M",
        "virt",
        "-cpu",
        "rv64",
        "-nographic",
        "-accel",
        "tcg,thread=single",
        ...machineOptions(guest, initrd, boot),
      ],
    ],
  };
  const names = Object.keys(systems).filter((name) => name !== "qemu" || qemuInstalled);
  const results = (quick ? BOOTS.slice(0, 1) : BOOTS).map((boot) => {
    const best = {};
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      for (const name of names) {
        const result = prompted(timed(...systems[name](boot)));
        if (!best[name] || result.user < best[name].user) best[name] = result;
      }
    }
    return { ...boot, best, instructions: JSON.parse(readFileSync(stats, "utf8")).instructions };
  });
  return { text: `Linux ${guest.version}\n${textOf(results)}`, figures: results.flatMap(figuresOf) };
}

const mipsOf = ({ instructions, best }) => instructions / best.yado.user / 1e6;
const timesQemu = ({ best }) => (best.qemu ? best.yado.user / best.qemu.user : undefined);

function textOf(results) {
  const rows = results.map((result) => {
    const { name, instructions, best } = result;
    const times = (system) => [digits(best[system].user), digits(best[system].wall)];
    const yado = [name, digits(instructions / 1e6), ...times("yado"), digits(mipsOf(result))];
    return best.qemu ? [...yado, ...times("qemu"), digits(timesQemu(result))] : yado;
  });
  const header = ["command line", "M instr.", "user s", "wall s", "MIPS"];
  const qemu = qemuInstalled ? ["QEMU user s", "QEMU wall s", "× QEMU's time"] : [];
  return table([...header, ...qemu], rows);
}

function figuresOf(result) {
  const { best } = result;
  const name = `linux/boot/${result.name.replaceAll(/[, ]+/g, "-")}`;
  const ratio = timesQemu(result);
  return [
    cost(name, "instructions", result.instructions, "instructions"),
    cost(name, "cpu-time", best.yado.user, "s"),
    cost(name, "wall-time", best.yado.wall, "s"),
    rate(name, "mips", mipsOf(result), "MIPS", 1000, "ns/instruction"),
    ...(ratio === undefined ? [] : [cost(name, "times-qemu", ratio, "× QEMU's time")]),
  ];
}
