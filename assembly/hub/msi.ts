// RISC-V IOMMU Architecture 1.0, "Process to translate addresses of MSIs"; RISC-V Advanced Interrupt Architecture 1.0, "MSI page tables",
// "MSI PTE, basic translate mode". No memory-resident interrupt files.
import { fileAt, raise } from "../aia/files";
import { ramAddress } from "../bus/ram";
import { touchedRam } from "../bus/written";
import { IoFault } from "../isa/iommu";
import { RAM } from "../layout";
import { Access } from "../mmu/walk";
import { access, readTables } from "./request";
import { Context } from "./state";

/** Bits of the first doubleword of an MSI PTE. */
const V: u64 = 1;
const M: u64 = 6;
const C: u64 = 1 << 63;
const RESERVED: u64 = 0x7fc0_0000_0000_03f8;
const PPN: u64 = 0xfff_ffff_ffff;
const PTE_SIZE: u64 = 16;

/** Supervisor physical address, after `translateMsi` returned 0. */
export let msiAddress: u64 = 0;

/** Whether a page of 2^`shift` bytes around a guest physical address has one of a virtual interrupt file, or is one. */
// @ts-ignore: decorator
@inline
export function hasInterruptFile(context: u32, gpa: u64, shift: u32): bool {
  const differences = ((gpa >> 12) ^ load<u64>(context, Context.MsiPattern)) & ~load<u64>(context, Context.MsiMask);
  return differences >> (shift - 12) == 0;
}

/** "extract(x, y)": the bits of `x` whose bits in `y` are ones, packed. */
function extract(x: u64, y: u64): u64 {
  let result: u64 = 0;
  let at: u64 = 0;
  while (y) {
    const low = y & -y;
    if (x & low) result |= (<u64>1) << at;
    ++at;
    y ^= low;
  }
  return result;
}

/** Translates the address of a virtual interrupt file. Returns 0 or the cause of the fault. */
export function translateMsi(context: u32, gpa: u64): u32 {
  const index = extract(gpa >> 12, load<u64>(context, Context.MsiMask));
  const address = ramAddress(load<u64>(context, Context.MsiRoot) | (index * PTE_SIZE), <u32>PTE_SIZE);
  if (!address) return IoFault.MsiPteLoadAccessFault;
  readTables(1);
  const pte = load<u64>(address);
  if (!(pte & V)) return IoFault.MsiPteNotValid;
  if ((pte & M) != M || pte & (C | RESERVED)) return IoFault.MsiPteMisconfigured;
  if (access == Access.Execute) return IoFault.InstructionAccessFault;
  msiAddress = (((pte >> 10) & PPN) << 12) | (gpa & 0xfff);
  return 0;
}

/** What a 4-byte write to physical address `at` reaches: an address in this memory, of an interrupt file or of RAM; 0 if nothing. */
export function destination(at: u64): u32 {
  const file = fileAt(at);
  if (!file) return ramAddress(at, 4);
  return at & 0xfff ? 0 : file;
}

/** Writes `data` to what `destination` returned. */
export function deliver(to: u32, data: u32): void {
  if (to < <u32>RAM) return raise(to, data);
  store<u32>(to, data);
  touchedRam(to, 4);
}
