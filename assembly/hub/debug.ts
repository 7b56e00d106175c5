// RISC-V IOMMU Architecture 1.0, "Debug support": the translation-request interface.
import { IommuReg } from "../isa/iommu";
import { Access } from "../mmu/walk";
import { context, locate } from "./directory";
import { report } from "./faults";
import { begin, settle } from "./request";
import { DEBUG_PENDING, REGS, reg64, setReg } from "./state";
import { memoryType, pageShift, spa, translate } from "./translate";

const GO: u32 = 1;

/**
 * Marks the request as wanted. It is carried out when software next reads these registers: the halves of `tr_req_ctl` may arrive
 * in either order, and Go/Busy is in the low one.
 */
export function requestTranslation(): void {
  store<u32>(DEBUG_PENDING, 1);
}

/** Carries out what was requested, and clears Go/Busy. */
export function finishTranslation(): void {
  if (!load<u32>(DEBUG_PENDING)) return;
  store<u32>(DEBUG_PENDING, 0);
  const control = reg64(IommuReg.tr_req_ctl);
  const iova = reg64(IommuReg.tr_req_iova);
  const execute = control & 4;
  const readOnly = control & 8;
  const pv = <u32>(control >> 32) & 1;
  const pid = pv ? <u32>(control >> 12) & 0xf_ffff : 0;
  begin(
    <u32>(control >> 40),
    pv,
    pid,
    <u32>(control >> 1) & 1,
    execute ? Access.Execute : readOnly ? Access.Read : Access.Write,
  );
  let cause = locate();
  if (!cause) cause = translate(context, iova);
  if (cause) report(cause, iova);
  settle();
  store<u64>(REGS + IommuReg.tr_response, cause ? 1 : response());
  setReg(IommuReg.tr_req_ctl, <u32>control & ~GO);
}

/** PPN with the size of a superpage encoded in its low bits, S, and PBMT. */
function response(): u64 {
  const page = (spa >> 12) & 0xfff_ffff_ffff;
  const type = <u64>memoryType << 7;
  if (pageShift == 12 || pageShift > 56) return (page << 10) | type;
  const size = (<u64>1) << (pageShift - 12);
  return (((page & ~(size - 1)) | ((size >> 1) - 1)) << 10) | (1 << 9) | type;
}
