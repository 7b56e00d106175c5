// Devicetree Specification 0.4
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { boardTree, DEFAULT_EXTENSIONS, isaString } from "../../src/platform/devicetree.js";
import { writeFdt } from "../../src/platform/fdt.js";

const dtc = spawnSync("dtc", ["--version"]).status === 0;
const FULL = { ramSize: 0x400_0000, bootargs: "workload=checksum driver=nvme", virtio: 1, pcie: true, iommu: true };

function decompile(blob: Uint8Array): { source: string; warnings: string[] } {
  const { stdout, stderr } = spawnSync("dtc", ["-I", "dtb", "-O", "dts"], { input: blob });
  return { source: stdout.toString(), warnings: stderr.toString().split("\n").filter(Boolean) };
}

test("the header holds version 17, sizes and offsets that fit ('Header')", () => {
  const blob = writeFdt({ properties: { "#address-cells": 1 }, children: { child: { properties: { empty: true } } } });
  const view = new DataView(blob.buffer);
  const fields = Array.from({ length: 10 }, (_, i) => view.getUint32(4 * i));
  const [magic, size, structure, strings, reservations, version, compatible, , stringsSize, structureSize] = fields;
  expect([magic, size, version, compatible]).toEqual([0xd00dfeed, blob.length, 17, 16]);
  expect([reservations, structure, strings]).toEqual([40, 56, 56 + structureSize]);
  expect(strings + stringsSize).toBe(size);
  expect(view.getUint32(strings - 4)).toBe(9);
});

test("the ISA string joins single letters and sets off the others", () => {
  expect(isaString(["i", "m", "a", "c", "zicsr", "sstc"])).toBe("rv64imac_zicsr_sstc");
});

test.skipIf(!dtc)("dtc reads the board's tree (skipped without dtc)", () => {
  const { source } = decompile(boardTree(FULL));
  for (const text of [
    'bootargs = "workload=checksum driver=nvme"',
    'stdout-path = "/soc/serial@10000000"',
    `riscv,isa = "${isaString(DEFAULT_EXTENSIONS)}"`,
    `riscv,isa-extensions = "${DEFAULT_EXTENSIONS.join("\\0")}"`,
    "riscv,cboz-block-size = <0x40>",
    "timebase-frequency = <0x989680>",
    "reg = <0x00 0x80000000 0x00 0x4000000>",
    "iommu-map = <0x00 0x04 0x00 0x10000>",
    "virtio_mmio@10001000",
  ]) {
    expect(source).toContain(text);
  }
});

test.skipIf(!dtc)("dtc warns of nothing that it doesn't warn of in QEMU's own tree (skipped without dtc)", () => {
  const known = /Missing #address-cells in interrupt provider/;
  const { warnings } = decompile(boardTree(FULL));
  expect(warnings.filter((warning) => !known.test(warning))).toEqual([]);
});
