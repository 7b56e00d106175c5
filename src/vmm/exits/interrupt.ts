// Interrupts for HS-mode. RISC-V Privileged Architecture, "Supervisor Interrupt (sip and sie) Registers".
import { Interrupt } from "../../../assembly/isa/cause.js";
import type { ExitGuest } from "./handler.js";
import type { ExitRecord } from "./record.js";

export function interrupt(guest: ExitGuest, exit: ExitRecord): void {
  exit.again();
  switch (exit.code) {
    case Interrupt.SupervisorExternal:
      guest.count("external-interrupt");
      guest.externalInterrupt();
      return;
    case Interrupt.SupervisorTimer:
      guest.count("timer");
      guest.charge("vmm", guest.costs.interrupt);
      guest.sliceOver();
      return;
    default:
      guest.count("other-interrupt");
      guest.charge("vmm", guest.costs.interrupt);
  }
}
