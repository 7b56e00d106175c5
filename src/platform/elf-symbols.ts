// System V ABI, "Sections" and "Symbol Table", ELF64.

const SECTION_HEADER_SIZE = 64;
const SYMBOL_SIZE = 24;
const SHT_SYMTAB = 2;

/** Values of the symbols of an ELF64 file that bear one of `names`; what can't be found, for whatever reason, is left out. */
export function elfSymbols(bytes: Uint8Array, names: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = (offset: number) => view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
  const inside = (offset: number, length: number) => offset + length <= bytes.length;
  if (!inside(0, 64)) return found;
  const headers = wide(40);
  const count = view.getUint16(60, true);
  const wanted = names.map((name) => ({ name, bytes: new TextEncoder().encode(`${name}\0`) }));
  // of sections without bytes in the file, such as .bss, offset and size say nothing of the file
  const section = (i: number) => {
    const header = headers + i * SECTION_HEADER_SIZE;
    if (i >= count || !inside(header, SECTION_HEADER_SIZE)) return undefined;
    const [offset, size] = [wide(header + 24), wide(header + 32)];
    return { type: view.getUint32(header + 4, true), link: view.getUint32(header + 40, true), offset, size };
  };
  let table = section(0);
  for (let i = 1; table && table.type !== SHT_SYMTAB; i++) table = section(i);
  const strings = table && section(table.link);
  if (!table || !strings || !inside(table.offset, table.size)) return found;
  for (let at = table.offset; at + SYMBOL_SIZE <= table.offset + table.size; at += SYMBOL_SIZE) {
    const text = strings.offset + view.getUint32(at, true);
    const match = wanted.find((one) => one.bytes.every((byte, k) => bytes[text + k] === byte));
    if (match) found.set(match.name, wide(at + 8));
  }
  return found;
}
