// ECALL from VS-mode: a call of the SBI. RISC-V Supervisor Binary Interface, "Binary Encoding".
import type { ExitGuest } from "./handler.js";
import type { ExitRecord } from "./record.js";

const ECALL_BYTES = 4;

export function environmentCallFromVS(guest: ExitGuest, exit: ExitRecord): void {
  exit.again();
  guest.count("ecall");
  guest.charge("vmm", guest.costs.hypercall);
  guest.step(ECALL_BYTES);
  guest.sbi();
}
