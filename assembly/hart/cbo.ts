// "Cache Management Operations": what CBO instructions do. Memory is coherent with all who access it: managing blocks is no more than
// being permitted to.
import { ramAddress } from "../bus/ram";
import { willWrite } from "../bus/written";
import { CACHE_BLOCK, Cbo } from "../insn/zicbo";
import { Csr } from "../isa/csr";
import { Mode } from "../isa/privilege";
import { accessFault, dataMode, dataVirt, physical, translate } from "../mmu/translate";
import { Access } from "../mmu/walk";
import { dataLine } from "../timing/caches";
import { dataProtected } from "./memory";
import { ENVCFG_CBCFE, ENVCFG_CBIE, ENVCFG_CBZE, charge, csr, mode, raise, trapCause, trapGpa, trapTinst, trapTval, virt } from "./state";

export const enum Permission {
  Granted = 0,
  Illegal = 1,
  Virtual = 2,
}

/** "CSR controls for CMO instructions". */
export function cboPermission(operation: u32): u32 {
  const field = operation == Cbo.Zero ? ENVCFG_CBZE : operation == Cbo.Inval ? ENVCFG_CBIE : ENVCFG_CBCFE;
  const m = mode();
  if (m == Mode.M) return Permission.Granted;
  const v = virt();
  const user = m != Mode.U || (csr(Csr.senvcfg) & field) != 0;
  if (!(csr(Csr.menvcfg) & field) || (!v && !user)) return Permission.Illegal;
  return v && (!(csr(Csr.henvcfg) & field) || !user) ? Permission.Virtual : Permission.Granted;
}

/** CBO.ZERO of the block that `va` is in. */
export function zeroBlock(va: u64): void {
  if (!translate(va, Access.Write, dataMode, dataVirt)) return;
  const block = physical & ~(<u64>CACHE_BLOCK - 1);
  const address = ramAddress(block, CACHE_BLOCK);
  if (!address || dataProtected(block, CACHE_BLOCK, 1)) return accessFault(va, Access.Write);
  willWrite(address);
  if (isDefined(TIMED)) charge(dataLine(block, 0, 1));
  memory.fill(address, 0, CACHE_BLOCK);
}

/** CBO.INVAL, CBO.CLEAN, CBO.FLUSH: permitted where a load or a store is, and their faults are those of stores. */
export function manageBlock(va: u64): void {
  // whatever may be written may be read, and a load checks no D bit
  if (!translate(va, Access.Read, dataMode, dataVirt)) raise(trapCause + 2, trapTval, trapGpa, trapTinst);
  else if (dataProtected(physical & ~(<u64>CACHE_BLOCK - 1), CACHE_BLOCK, 0)) accessFault(va, Access.Write);
}
