// RISC-V IOMMU Architecture 1.0, "Interrupt pending status register", "Interrupt-cause-to-vector register": wired interrupts.
import { Cqcsr, Fqcsr, IommuReg, Ipsr } from "../isa/iommu";
import { DMA_INTERRUPT } from "../layout";
import { ANNOUNCED, reg, setReg } from "./state";

/** Sets `ipsr` bits. */
export function raise(bits: u32): void {
  setReg(IommuReg.ipsr, reg(IommuReg.ipsr) | bits);
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
  const icvec = reg(IommuReg.icvec);
  let high: u32 = 0;
  for (let cause: u32 = 0; cause < 4; ++cause) if (ipsr & (1 << cause)) high |= 1 << ((icvec >> (4 * cause)) & 3);
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
