// Instructions that only HS-mode may execute. RISC-V Privileged Architecture, "Virtual-Instruction Exceptions": this VMM
// offers no nested virtualization, so to the guest they are illegal.
import { Cause } from "../../../assembly/isa/cause.js";
import type { ExitGuest } from "./handler.js";
import type { ExitRecord } from "./record.js";

export function virtualInstruction(guest: ExitGuest, exit: ExitRecord): void {
  exit.again();
  guest.count("virtual-instruction");
  guest.charge("vmm", guest.costs.exception);
  guest.inject(Cause.IllegalInstruction, exit.tval);
}
