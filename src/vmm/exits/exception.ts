// Exceptions that hedeleg leaves to HS-mode. Those that a bare machine would hand to S-mode go back to the guest.
import { Cause } from "../../../assembly/isa/cause.js";
import { exceptionName } from "../../platform/trap-names.js";
import type { ExitGuest } from "./handler.js";
import type { ExitRecord } from "./record.js";

const REFLECTED: ReadonlySet<number> = new Set([
  Cause.InstructionAddressMisaligned,
  Cause.InstructionAccessFault,
  Cause.IllegalInstruction,
  Cause.Breakpoint,
  Cause.LoadAddressMisaligned,
  Cause.LoadAccessFault,
  Cause.StoreAddressMisaligned,
  Cause.StoreAccessFault,
  Cause.EnvironmentCallFromU,
  Cause.InstructionPageFault,
  Cause.LoadPageFault,
  Cause.StorePageFault,
]);

export function exception(guest: ExitGuest, exit: ExitRecord): void {
  exit.again();
  guest.count("exception");
  guest.charge("vmm", guest.costs.exception);
  if (REFLECTED.has(exit.code)) guest.inject(exit.code as Cause, exit.tval);
  else guest.crash(`${exceptionName(exit.code)}, which no guest can cause`);
}

/** An ECALL from S-mode proper: no guest runs there. */
export function environmentCallFromS(guest: ExitGuest, exit: ExitRecord): void {
  exit.again();
  guest.count("exception");
  guest.crash("environment call from S-mode outside the guest");
}
