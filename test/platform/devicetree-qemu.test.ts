// The board's device tree against the one that QEMU makes for its `virt` board. Devicetree Specification 0.4; skipped
// where QEMU or dtc is missing.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type AiaMode, boardTree } from "../../src/platform/devicetree.js";
import { meaning, readFdt } from "../support/fdt.js";

const QEMU = "qemu-system-riscv64";
const missing = [QEMU, "dtc"].filter((program) => spawnSync(program, ["--version"]).status !== 0);
const RAM = 256;

function qemuTree(harts: number, aia: AiaMode): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "yado-tree-"));
  try {
    const file = join(folder, "virt.dtb");
    const machine = `virt,aia=${aia},dumpdtb=${file}`;
    spawnSync(QEMU, ["-M", machine, "-smp", `${harts}`, "-m", `${RAM}`, "-display", "none"], { timeout: 20_000 });
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const ourTree = (harts: number, aia: AiaMode): Uint8Array =>
  boardTree({ ramSize: RAM << 20, harts, aia, rtc: true, pcie: true, everyWindow: true, virtio: 8 });

/** Devices that QEMU has besides, and what the two say differently of the harts. */
const QEMU_ONLY = /^\/(pmu|fw-cfg@|flash@|platform-bus@)|#riscv,ipi-id$/;
const OURS_ONLY = /#riscv,(isa-base|isa-extensions|cb\w+-block-size|delegation)$|aplic@\w+##address-cells$/;
const DIFFERENT = /#(riscv,isa|mmu-type|rng-seed)$/;

/** Lines that only `a` has. */
function without(a: Map<string, string>, b: Map<string, string>, known: RegExp): string[] {
  const missed = [...a].filter(([name, value]) => b.get(name) !== value && !known.test(name) && !DIFFERENT.test(name));
  return missed.map(([name, value]) => `${name} = ${value}`);
}

test.skipIf(missing.length > 0).each<[number, AiaMode]>([
  [1, "none"],
  [2, "none"],
  [8, "none"],
  [2, "aplic"],
  [4, "aplic-imsic"],
])(`%i harts, AIA %s: node for node as QEMU's (skipped without: ${missing.join(", ") || "nothing"})`, (harts, aia) => {
  const ours = meaning(readFdt(ourTree(harts, aia)));
  const theirs = meaning(readFdt(qemuTree(harts, aia)));
  expect(without(theirs, ours, QEMU_ONLY)).toEqual([]);
  expect(without(ours, theirs, OURS_ONLY)).toEqual([]);
});

const warnings = (blob: Uint8Array): string[] => {
  const { stderr } = spawnSync("dtc", ["-I", "dtb", "-O", "dts"], { input: blob });
  return stderr.toString().split("\n").filter(Boolean);
};

test.skipIf(missing.length > 0).each<AiaMode>(["none", "aplic", "aplic-imsic"])(
  "AIA %s: dtc warns of nothing that it doesn't warn of in QEMU's",
  (aia) => {
    const known = new Set(warnings(qemuTree(8, aia)));
    expect(warnings(ourTree(8, aia)).filter((warning) => !known.has(warning))).toEqual([]);
  },
);
