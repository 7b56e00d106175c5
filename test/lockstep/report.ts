// A difference as a person reads it.
import { trapLines } from "./compare.js";
import { csrName } from "./csrs.js";
import * as at from "./layout.js";
import { codeOf, type Program } from "./program.js";
import type { Verdict } from "./run.js";

const hex = (value: number | bigint) => `0x${value.toString(16)}`;

/** The program's statements with their addresses, its state at the start, both logs of traps, and the difference. */
export function describe({ program, difference, qemu, yado }: Verdict): string {
  let address = at.CODE;
  const lines = program.statements.map(({ text, code }) => {
    const line = `  ${hex(address)}  ${text.padEnd(50)} ${code.map((word) => word.toString(16)).join(" ")}`;
    address += codeOf({ ...program, statements: [{ text, code }] }).length - END_BYTES;
    return line;
  });
  const named = program.statements.map((statement) => statement.text).join(" ");
  const registers = program.x
    .map((value, i) => [i, value] as const)
    .filter(([i]) => new RegExp(`\\bx${i}\\b`).test(named));
  const entries = program.marks.filter(({ va }) => new RegExp(`${hex(va >> 12n)}[0-9a-f]{3}\\b`).test(named));
  const changed = qemu.length === yado.length ? trapDifference(trapLines(qemu), trapLines(yado)) : [];
  return [
    `lockstep: ${difference?.where}: QEMU ${difference?.qemu}, Yado ${difference?.yado}`,
    `again with: npm run lockstep -- --family ${program.family} --seed ${program.seed} --programs 1`,
    `starts in ${program.mode}-mode with ${registers.map(([i, value]) => `x${i} ${hex(value)}`).join(", ")}`,
    `and ${program.presets.map(([csr, value]) => `${csrName(csr)} ${hex(BigInt.asUintN(64, value))}`).join(", ")}`,
    ...entries.map(({ va, entry }) => `entry of ${hex(va)} at ${hex(entry)}: ${hex(wordAt(program, entry))}`),
    ...lines,
    ...changed,
  ].join("\n");
}
const END_BYTES = codeOf({ statements: [] as never[] } as never).length;

function wordAt(program: Program, address: number): bigint {
  const piece = program.memory.find((m) => m.address <= address && address < m.address + m.bytes.length)!;
  return new DataView(piece.bytes.buffer, piece.bytes.byteOffset).getBigUint64(address - piece.address, true);
}

/** Traps up to the first that differs. */
function trapDifference(qemu: string[], yado: string[]): string[] {
  const first = qemu.findIndex((line, i) => line !== yado[i]);
  const shown = first < 0 ? Math.min(qemu.length, 4) : first;
  return [
    ...qemu.slice(Math.max(0, shown - 3), shown).map((line) => `  both: ${line}`),
    ...qemu.slice(shown, shown + 3).map((line) => `  QEMU: ${line}`),
    ...yado.slice(shown, shown + 3).map((line) => `  Yado: ${line}`),
  ];
}
