// WFI in a guest. RISC-V Privileged Architecture, "Wait for Interrupt": the VMM gives the hart to another guest, or idles.
import type { ExitGuest } from "./handler.js";
import type { ExitRecord } from "./record.js";

export function waitForInterrupt(guest: ExitGuest, exit: ExitRecord): void {
  exit.again();
  guest.count("wfi");
  guest.charge("vmm", guest.costs.schedule);
  guest.wait();
}
