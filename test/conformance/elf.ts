// ELF files for tests: a header alone, or a program at the start of RAM with symbols (System V ABI, ELF64).
import { RAM_START } from "../../assembly/layout.js";
import { bytes } from "../support/assembler.js";

/** The first 64 bytes of an ELF file, for RV64 unless told otherwise. */
export function header({ bits = 2, data = 1, type = 2, machine = 243 }): Uint8Array {
  const file = new Uint8Array(64);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, bits, data, 1]);
  view.setUint16(16, type, data === 1);
  view.setUint16(18, machine, data === 1);
  return file;
}

/** Where a test's data lies, behind its code. */
export const DATA_OFFSET = 0x1000;

/**
 * A program linked at RAM_START.
 * @param symbols names and their addresses
 * @param data what lies DATA_OFFSET behind the first instruction
 */
export function program(
  code: readonly number[],
  symbols: Readonly<Record<string, number>> = {},
  data: Uint8Array = new Uint8Array(64),
  start: number = RAM_START,
): Uint8Array {
  const names = Object.keys(symbols);
  const strings = new TextEncoder().encode(`\0${names.map((name) => `${name}\0`).join("")}`);
  const places = names.map((_, i) => 1 + names.slice(0, i).join("\0").length + (i > 0 ? 1 : 0));
  const at = { program: 64, text: 0x1000, symbols: 0x1000 + DATA_OFFSET + data.length };
  const stringsAt = at.symbols + 24 * names.length;
  const sections = Math.ceil((stringsAt + strings.length) / 8) * 8;
  const file = new Uint8Array(sections + 4 * 64);
  const view = new DataView(file.buffer);
  const wide = (offset: number, value: number) => view.setBigUint64(offset, BigInt(value), true);

  file.set(header({}));
  wide(24, start);
  wide(32, at.program);
  wide(40, sections);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint16(58, 64, true);
  view.setUint16(60, 4, true);
  view.setUint32(at.program, 1, true);
  const size = DATA_OFFSET + data.length;
  for (const [i, value] of [at.text, start, start, size, size, 0x1000].entries()) wide(at.program + 8 * (i + 1), value);
  file.set(bytes(code), at.text);
  file.set(data, at.text + DATA_OFFSET);
  for (const [i, name] of names.entries()) {
    view.setUint32(at.symbols + 24 * i, places[i], true);
    wide(at.symbols + 24 * i + 8, symbols[name]);
  }
  file.set(strings, stringsAt);
  const section = (i: number, type: number, link: number, offset: number, length: number) => {
    view.setUint32(sections + 64 * i + 4, type, true);
    view.setUint32(sections + 64 * i + 40, link, true);
    wide(sections + 64 * i + 24, offset);
    wide(sections + 64 * i + 32, length);
  };
  section(1, 8, 0, at.symbols, 0x10_0000); // .bss: none of its bytes are in the file
  section(2, 2, 3, at.symbols, 24 * names.length);
  section(3, 3, 0, stringsAt, strings.length);
  return file;
}
