// RISC-V Advanced Interrupt Architecture 1.0, "Incoming MSI Controller (IMSIC)": the interrupt files of all harts.
import { Interrupt } from "../isa/cause";
import { FileRegister, IMSIC_GUESTS_MAX, IMSIC_IDENTITIES, IMSIC_M, IMSIC_PAGE, IMSIC_S, PageRegister } from "../isa/imsic";
import { AIA, AIA_END, AIA_SIGNALS, HARTS_MAX, SELECTED_HART } from "../layout";

// ---- configuration; survives a reset
/** u32 harts that have an IMSIC, from hart 0 on; u32 guest interrupt files of each (GEILEN). */
const HARTS: u32 = AIA;
const GUESTS: u32 = HARTS + 4;
/** u32 log2 of the pages from one hart's supervisor-level file to the next. */
const STRIDE_SHIFT: u32 = GUESTS + 4;

const HGEIP_SHIFT: u64 = 32;

/** An interrupt file. */
const enum File {
  /** u32; u32; u32 the identity that `*topei` reports, or 0. */
  Delivery = 0,
  Threshold = 4,
  Top = 8,
  /** u64 × 4 pending and enabled identities. */
  Pending = 16,
  Enabled = 48,
}
const FILE_SIZE: u32 = 128;
const WORDS: u32 = 4;
/** Files of a hart: machine level, supervisor level, guests 1 to GEILEN. */
export const M_FILE: u32 = 0;
export const S_FILE: u32 = 1;
const ROOM_FOR: u32 = 16;
const FILES: u32 = AIA + 0x1000;

/** Page numbers of the machine-level files, and of the others. */
const M_PAGE: u64 = IMSIC_M / IMSIC_PAGE;
const S_PAGE: u64 = IMSIC_S / IMSIC_PAGE;
const S_PAGE_END: u64 = S_PAGE + HARTS_MAX * 8;

/** Shapes the IMSICs, and puts them back to the state after power-on. Without harts there are none. Returns 1, or 0 for no such shape. */
export function imsicConfigure(harts: u32, guests: u32): u32 {
  if (harts > <u32>HARTS_MAX || guests > <u32>IMSIC_GUESTS_MAX) return 0;
  store<u32>(HARTS, harts);
  store<u32>(GUESTS, guests);
  store<u32>(STRIDE_SHIFT, guests ? 32 - clz(guests) : 0);
  resetFiles();
  return 1;
}

/** Everything zero: no file delivers. */
export function resetFiles(): void {
  memory.fill(AIA_SIGNALS, 0, AIA_END - AIA_SIGNALS);
}

/** Whether the harts have IMSICs. */
export function hasImsic(): bool {
  return load<u32>(HARTS) != 0;
}
/** GEILEN. */
export function geilen(): u32 {
  return load<u32>(HARTS) ? load<u32>(GUESTS) : 0;
}

/** What the selected hart's files signal: MEIP and SEIP, and hgeip from bit 32 on. */
// @ts-ignore: decorator
@inline
export function signals(): u64 {
  return load<u64>(AIA_SIGNALS + (load<u32>(SELECTED_HART) << 3));
}
// @ts-ignore: decorator
@inline
export function hgeipOf(signals: u64): u64 {
  return signals >> HGEIP_SHIFT;
}

/** An interrupt file of the selected hart, as an address in this memory. */
export function ownFile(index: u32): u32 {
  return FILES + (load<u32>(SELECTED_HART) * ROOM_FOR + index) * FILE_SIZE;
}
/** The one of guest `vgein` (hstatus.VGEIN), or 0. */
export function guestFile(vgein: u32): u32 {
  return vgein && vgein <= geilen() ? ownFile(S_FILE + vgein) : 0;
}

/** The file whose page holds physical address `at`, or 0. */
export function fileAt(at: u64): u32 {
  const page = at >> 12;
  if (page < M_PAGE || page >= S_PAGE_END) return 0;
  let hart = <u32>(page - M_PAGE);
  let index = M_FILE;
  if (page >= S_PAGE) {
    const shift = load<u32>(STRIDE_SHIFT);
    const number = <u32>(page - S_PAGE);
    hart = number >> shift;
    index = S_FILE + (number & ((1 << shift) - 1));
    if (index > S_FILE + load<u32>(GUESTS)) return 0;
  }
  return hart < load<u32>(HARTS) ? FILES + (hart * ROOM_FOR + index) * FILE_SIZE : 0;
}

/** A store of `data` to physical address `at`, 4 bytes: the "Memory region for an interrupt file". False where there is none. */
export function storeToFile(at: u64, data: u32): bool {
  const file = fileAt(at);
  if (!file) return false;
  if ((at & 0xfff) == <u64>PageRegister.seteipnum_le) raise(file, data);
  return true;
}

/** Makes `identity` pending; nothing happens if there is none such. */
export function raise(file: u32, identity: u32): void {
  if (!identity || identity > <u32>IMSIC_IDENTITIES) return;
  const word = file + (identity >> 6) * 8;
  store<u64>(word, load<u64>(word, File.Pending) | ((<u64>1) << (identity & 63)), File.Pending);
  refresh(file);
}

/** The `*topei` CSR of a file. */
export function topei(file: u32): u64 {
  const top = load<u32>(file, File.Top);
  return (top << 16) | top;
}

/** "A write to a `*topei` CSR claims the reported interrupt identity". */
export function claim(file: u32): void {
  const top = load<u32>(file, File.Top);
  if (!top) return;
  const word = file + (top >> 6) * 8;
  store<u64>(word, load<u64>(word, File.Pending) & ~((<u64>1) << (top & 63)), File.Pending);
  refresh(file);
}

/** "Indirectly accessed interrupt-file registers": those that there are not read as zero. */
export function readFile(file: u32, register: u32): u64 {
  if (register == FileRegister.eidelivery) return load<u32>(file, File.Delivery);
  if (register == FileRegister.eithreshold) return load<u32>(file, File.Threshold);
  const array = arrayOf(register);
  return array ? load<u64>(file + array) : 0;
}

export function writeFile(file: u32, register: u32, value: u64): void {
  if (register == FileRegister.eidelivery) {
    if (value > 1) return;
    store<u32>(file, <u32>value, File.Delivery);
  } else if (register == FileRegister.eithreshold) {
    store<u32>(file, <u32>value & IMSIC_IDENTITIES, File.Threshold);
  } else {
    const array = arrayOf(register);
    if (!array) return;
    const none: u64 = register == FileRegister.eip0 || register == FileRegister.eie0 ? 1 : 0;
    store<u64>(file + array, value & ~none);
  }
  refresh(file);
}

/** Offset in a file of eip0, eip2 … and eie0, eie2 …; 0 for other registers and for identities that aren't implemented. */
function arrayOf(register: u32): u32 {
  if (register < <u32>FileRegister.eip0) return 0;
  const word = (register & 0x3f) >> 1;
  if (word >= WORDS) return 0;
  return (register < <u32>FileRegister.eie0 ? File.Pending : File.Enabled) + word * 8;
}

/** Brings up to date what follows from a file's registers: its top interrupt, and the signal to its hart. */
function refresh(file: u32): void {
  let top: u32 = 0;
  for (let word: u32 = 0; word < WORDS; ++word) {
    const bits = load<u64>(file + word * 8, File.Pending) & load<u64>(file + word * 8, File.Enabled);
    if (!bits) continue;
    top = word * 64 + <u32>ctz(bits);
    break;
  }
  const threshold = load<u32>(file, File.Threshold);
  if (threshold && top >= threshold) top = 0;
  store<u32>(file, top, File.Top);
  const number = (file - FILES) / FILE_SIZE;
  const index = number % ROOM_FOR;
  const bit: u64 =
    index == M_FILE ? 1 << Interrupt.MachineExternal
    : index == S_FILE ? 1 << Interrupt.SupervisorExternal
    : (<u64>1) << (HGEIP_SHIFT + index - S_FILE);
  const at = AIA_SIGNALS + (number / ROOM_FOR) * 8;
  const others = load<u64>(at) & ~bit;
  store<u64>(at, top && load<u32>(file, File.Delivery) ? others | bit : others);
}
