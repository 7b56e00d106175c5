// Guest page faults. RISC-V Privileged Architecture, "Trap Cause Codes", "Transformed Instruction or Pseudoinstruction
// for mtinst or htinst". All RAM is mapped at once, so a fault means registers that trap, or nothing at all.
import { Cause } from "../../../assembly/isa/cause.js";
import type { ExitGuest } from "./handler.js";
import type { ExitRecord } from "./record.js";

/** Pseudoinstructions: read and write of a 64-bit VS-stage page-table entry. */
const PTE_READ = 0x3000;
const PTE_WRITE = 0x3020;

function registerSized(size: number): boolean {
  return size === 1 || size === 2 || size === 4 || size === 8;
}

/** Whether the access is the instruction's own and of a shape that a register has. */
function completable(exit: ExitRecord): boolean {
  return exit.tinst !== PTE_READ && exit.tinst !== PTE_WRITE && registerSized(exit.size);
}

function refuse(guest: ExitGuest, exit: ExitRecord, cause: Cause): void {
  exit.again();
  guest.charge("vmm", guest.costs.exception);
  guest.inject(cause, exit.tval);
}

/** A load from registers that trap, or from nowhere. */
export function loadGuestPageFault(guest: ExitGuest, exit: ExitRecord): void {
  const value = completable(exit) && !exit.write ? guest.readRegister(exit.gpa, exit.size) : undefined;
  guest.count(value ? "mmio-read" : "page-fault");
  if (value) exit.completeLoad(value.low, value.high);
  else refuse(guest, exit, Cause.LoadAccessFault);
}

/** A store to registers that trap, or to nowhere; AMOs and SC come here too and have no value to store. */
export function storeGuestPageFault(guest: ExitGuest, exit: ExitRecord): void {
  const done =
    completable(exit) && exit.write && guest.writeRegister(exit.gpa, exit.size, exit.valueLow, exit.valueHigh);
  guest.count(done ? "mmio-write" : "page-fault");
  if (done) exit.completeStore();
  else refuse(guest, exit, Cause.StoreAccessFault);
}

/** Nobody executes registers. */
export function instructionGuestPageFault(guest: ExitGuest, exit: ExitRecord): void {
  guest.count("page-fault");
  refuse(guest, exit, Cause.InstructionAccessFault);
}
