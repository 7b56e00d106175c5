// A kernel of a few instructions, for tests: an ELF file with one segment at the usual entry.
const ENTRY = 0x8020_0000;

export function elfOf(...words: number[]): Uint8Array {
  const code = 64 + 56;
  const bytes = new Uint8Array(code + words.length * 4);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 243, true);
  view.setUint32(24, ENTRY, true);
  view.setUint32(32, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  view.setUint32(68, 7, true);
  view.setUint32(64 + 8, code, true);
  view.setUint32(64 + 16, ENTRY, true);
  view.setUint32(64 + 24, ENTRY, true);
  view.setUint32(64 + 32, words.length * 4, true);
  view.setUint32(64 + 40, words.length * 4, true);
  for (const [i, word] of words.entries()) view.setUint32(code + i * 4, word, true);
  return bytes;
}
