// STYLE: no two encodings overlap. Every extension's decoder in assembly/insn is asked about every encoding.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { compiled } from "./asc.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const INSN = join(ROOT, "assembly/insn");

/** Exported decoders of 32-bit encodings: decodeX(record, instruction) returns whether the extension knows it. */
const DECODERS = readdirSync(INSN).flatMap((file) =>
  [
    ...readFileSync(join(INSN, file), "utf8").matchAll(/export function (decode[A-Z]\w*)\(dp: u32, insn: u32\): bool/g),
  ].map(([, name]) => ({ name, from: `./assembly/insn/${file.replace(/\.ts$/, "")}` })),
);

// Opcode, funct3, funct7 and rs2 take all values; of rd and rs1 it matters only whether they are x0.
const ENTRY = `
${DECODERS.map(({ name, from }) => `import { ${name} } from "${from}";`).join("\n")}
const RECORD: u32 = 0x8000;
export function known(insn: u32): u32 {
  let extensions: u32 = 0;
  ${DECODERS.map(({ name }, i) => `if (${name}(RECORD, insn)) extensions |= 1 << ${i};`).join("\n  ")}
  return extensions;
}
/** An encoding that more than one extension knows, or 0. */
export function overlap(): u32 {
  for (let fields: u32 = 0; fields < 1 << 22; ++fields) {
    const upper = (fields & 0xfff) << 20 | (fields >> 12 & 0x7) << 12 | (fields >> 15 & 0x1f) << 2;
    const encoding = upper | (fields >> 20 & 1) << 7 | (fields >> 21 & 1) << 15 | 3;
    if (popcnt(known(encoding)) > 1) return encoding;
  }
  return 0;
}
`;

test("no two extensions know the same encoding", async () => {
  const exports = (await compiled(ENTRY)) as unknown as { known(insn: number): number; overlap(): number };
  const names = (insn: number) => DECODERS.filter((_, i) => (exports.known(insn) >> i) & 1).map(({ name }) => name);

  expect(names(0x0000_0013)).toEqual(["decodeI"]); // addi x0, x0, 0
  expect(names(0x0220_81b3)).toEqual(["decodeM"]); // mul x3, x1, x2
  expect(names(0xffff_ffff)).toEqual([]);
  const overlap = exports.overlap() >>> 0;
  expect(overlap ? `0x${overlap.toString(16)}: ${names(overlap)}` : "none").toBe("none");
});
