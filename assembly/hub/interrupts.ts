// RISC-V IOMMU Architecture 1.0, "Interrupt pending status register", "Interrupt-cause-to-vector register", "MSI configuration table":
// interrupts by wire, or by message.
import { Cqcsr, FCTL_WSI, Fqcsr, IOMMU_VECTORS, IommuReg, Ipsr } from "../isa/iommu";
import { DMA_INTERRUPT } from "../layout";
import { reportOwnMessage } from "./faults";
import { deliver, destination } from "./msi";
import { ANNOUNCED, MSI_WAITING, reg, reg64, setReg } from "./state";

const MSI_ENTRY: u32 = 16;
const MSI_DATA: u32 = 8;
const MSI_VEC_CTL: u32 = 12;

/** Sets `ipsr` bits; without wires, each that was clear sends a message. */
export function raise(bits: u32): void {
  const old = reg(IommuReg.ipsr);
  setReg(IommuReg.ipsr, old | bits);
  if (reg(IommuReg.fctl) & FCTL_WSI) return;
  for (let cause: u32 = 0; cause < 4; ++cause) if (bits & ~old & (1 << cause)) signal(vectorOf(cause));
}

function vectorOf(cause: u32): u32 {
  return (reg(IommuReg.icvec) >> (4 * cause)) & 3;
}

/** Sends the message of a vector, or remembers it while the vector is masked. */
function signal(vector: u32): void {
  const entry = IommuReg.msi_cfg_tbl + vector * MSI_ENTRY;
  const bit: u32 = 1 << vector;
  const waiting = load<u32>(MSI_WAITING);
  if (reg(entry + MSI_VEC_CTL) & 1) {
    store<u32>(MSI_WAITING, waiting | bit);
    return;
  }
  store<u32>(MSI_WAITING, waiting & ~bit);
  const at = reg64(entry);
  const to = destination(at);
  if (to) deliver(to, reg(entry + MSI_DATA));
  else reportOwnMessage(at);
}

/** Writes one of `msi_cfg_tbl`'s registers; a vector that is no longer masked sends what waits. */
export function writeMessageTable(offset: u32, value: u32): void {
  const at = offset - IommuReg.msi_cfg_tbl;
  if (at >= <u32>IOMMU_VECTORS * MSI_ENTRY) return;
  const field = at % MSI_ENTRY;
  setReg(offset, field == 0 ? value & ~3 : field == 4 ? value & 0xff_ffff : field == MSI_VEC_CTL ? value & 1 : value);
  const vector = at / MSI_ENTRY;
  if (field == MSI_VEC_CTL && load<u32>(MSI_WAITING) & (1 << vector)) signal(vector);
}

/** Sets again what is still due: causes in cqcsr and fqcsr are levels, new records are not. */
export function updatePending(): void {
  const cqcsr = reg(IommuReg.cqcsr);
  const fqcsr = reg(IommuReg.fqcsr);
  if (cqcsr & Cqcsr.cie && cqcsr & (Cqcsr.cqmf | Cqcsr.cmd_to | Cqcsr.cmd_ill | Cqcsr.fence_w_ip)) raise(Ipsr.cip);
  if (fqcsr & Fqcsr.fie && fqcsr & (Fqcsr.fqmf | Fqcsr.fqof)) raise(Ipsr.fip);
}

/** Wires that are high: bit = vector, 0 to 3. */
export function wires(): u32 {
  const ipsr = reg(IommuReg.ipsr);
  if (!ipsr) return 0;
  if (!(reg(IommuReg.fctl) & FCTL_WSI)) return 0;
  let high: u32 = 0;
  for (let cause: u32 = 0; cause < 4; ++cause) if (ipsr & (1 << cause)) high |= 1 << vectorOf(cause);
  return high;
}

/** Tells the host, through the DMA record, whether the wires changed since it was last told. */
export function announce(): void {
  if (!(reg(IommuReg.ipsr) | load<u32>(ANNOUNCED))) {
    store<u32>(DMA_INTERRUPT, 0);
    return;
  }
  const now = wires();
  store<u32>(DMA_INTERRUPT, now != load<u32>(ANNOUNCED) ? 1 : 0);
  store<u32>(ANNOUNCED, now);
}
