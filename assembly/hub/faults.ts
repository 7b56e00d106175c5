// RISC-V IOMMU Architecture 1.0, "Fault/Event-Queue (FQ)".
import { ramAddress } from "../bus/ram";
import { touchedRam } from "../bus/written";
import { Counter } from "../isa/counter";
import { Fqcsr, IoFault, IommuReg, Ipsr, Ttyp } from "../isa/iommu";
import { Access } from "../mmu/walk";
import { raise, updatePending } from "./interrupts";
import { access, count, device, faultValue2, faultsDisabled, processId, processValid, supervisor } from "./request";
import { queueBase, queueMask, reg, reg64, setReg } from "./state";

const RECORD_SIZE: u32 = 32;

/** "Reported if DTF is 1?" */
function reportedDespiteDtf(cause: u32): bool {
  return cause >= <u32>IoFault.AllInboundTransactionsDisallowed && cause <= <u32>IoFault.DdtEntryMisconfigured;
}

function transactionType(): u32 {
  if (access == Access.Write) return Ttyp.UntranslatedWrite;
  return access == Access.Read ? Ttyp.UntranslatedRead : Ttyp.UntranslatedReadForExecute;
}

/** Reports that the transaction under way failed at `iova`. */
export function report(cause: u32, iova: u64): void {
  count(Counter.IoFaults, 1);
  if (faultsDisabled && !reportedDespiteDtf(cause)) return;
  const pid = processValid ? ((<u64>processId) << 12) | (1 << 32) | ((<u64>supervisor) << 33) : 0;
  record(cause | pid | ((<u64>transactionType()) << 34) | ((<u64>device) << 40), iova, faultValue2);
}

/** Reports that a message of the IOMMU's own found nothing at `address`. */
export function reportOwnMessage(address: u64): void {
  count(Counter.IoFaults, 1);
  record(IoFault.IommuMsiWriteAccessFault, address, 0);
}

/** Puts a record into the fault queue: `what` is its first doubleword. */
function record(what: u64, iotval: u64, iotval2: u64): void {
  const fqcsr = reg(IommuReg.fqcsr);
  if (!(fqcsr & Fqcsr.fqon) || fqcsr & (Fqcsr.fqmf | Fqcsr.fqof)) {
    count(Counter.IoFaultsLost, 1);
    return;
  }
  const fqb = reg64(IommuReg.fqb);
  const mask = queueMask(fqb);
  const tail = reg(IommuReg.fqt) & mask;
  const next = (tail + 1) & mask;
  if (next == (reg(IommuReg.fqh) & mask)) return fail(Fqcsr.fqof);
  const address = ramAddress(queueBase(fqb) + tail * RECORD_SIZE, RECORD_SIZE);
  if (!address) return fail(Fqcsr.fqmf);
  store<u64>(address, what);
  store<u64>(address, 0, 8);
  store<u64>(address, iotval, 16);
  store<u64>(address, iotval2, 24);
  touchedRam(address, RECORD_SIZE);
  setReg(IommuReg.fqt, next);
  if (fqcsr & Fqcsr.fie) raise(Ipsr.fip);
}

/** Drops the record, and all further ones until software clears the bit. */
function fail(bit: u32): void {
  setReg(IommuReg.fqcsr, reg(IommuReg.fqcsr) | bit);
  count(Counter.IoFaultsLost, 1);
  updatePending();
}
