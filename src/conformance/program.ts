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
const MACHINE_RISCV = 243;

/** "none": no executable at all. "skip": an executable, for a machine that this is not. */
export function programKind(header: Uint8Array): ProgramKind {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (header.length < PROGRAM_HEADER || view.getUint32(0) !== 0x7f45_4c46) return { kind: "none" };
  const little = header[5] === LITTLE_ENDIAN;
  if (view.getUint16(16, little) !== EXECUTABLE) return { kind: "none" };
  const machine = view.getUint16(18, little);
  if (machine !== MACHINE_RISCV) return { kind: "skip", reason: `for another machine (e_machine ${machine})` };
  if (header[4] !== CLASS_64) return { kind: "skip", reason: "for RV32" };
  return little ? { kind: "test" } : { kind: "skip", reason: "big-endian" };
}
