// What a file is to a suite, by the first bytes of its ELF header (System V ABI, "ELF Header").

/** Bytes of a file that `programKind` wants to see. */
export const PROGRAM_HEADER = 20;

export type ProgramKind =
  | { readonly kind: "test" }
  | { readonly kind: "none" }
  | { readonly kind: "skip"; readonly reason: string };

const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const EXECUTABLE = 2;
const SHARED = 3;
const MAGIC = [0x7f, 0x45, 0x4c, 0x46];
const MACHINE_RISCV = 243;

/**
 * "none": no executable at all. "skip": an executable that can't run here. What ends within its header is a test, and
 * fails as one.
 */
export function programKind(header: Uint8Array): ProgramKind {
  if (MAGIC.some((byte, i) => header[i] !== byte)) return { kind: "none" };
  if (header.length < PROGRAM_HEADER) return { kind: "test" };
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const little = header[5] === LITTLE_ENDIAN;
  const type = view.getUint16(16, little);
  if (type !== EXECUTABLE && type !== SHARED) return { kind: "none" };
  const machine = view.getUint16(18, little);
  if (machine !== MACHINE_RISCV) return { kind: "skip", reason: `for another machine (e_machine ${machine})` };
  if (header[4] !== CLASS_64) return { kind: "skip", reason: "for RV32" };
  if (!little) return { kind: "skip", reason: "big-endian" };
  return type === EXECUTABLE ? { kind: "test" } : { kind: "skip", reason: "not linked to an address (ET_DYN)" };
}
