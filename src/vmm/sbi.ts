// A guest's SBI: the platform's functions over the guest's own memory, timer and console. RISC-V SBI 2.0.
import { Interrupt } from "../../assembly/isa/cause.js";
import { Csr } from "../../assembly/isa/csr.js";
import { type SbiContext, singleHart } from "../platform/sbi.js";
import type { VirtualMachine } from "./vm.js";

/** More than any function of the SBI looks at. */
const MOST_BYTES = 0x1_0000;

/** What a guest may ask of the VMM. All arguments come from the guest and may be anything. */
export function guestSbi(guest: VirtualMachine, onRegion: (id: number, begin: boolean) => void): SbiContext {
  const { memory, vcpu, costs } = guest;
  const context: SbiContext = {
    console: guest.console,
    harts: singleHart(() => void vcpu.setPending(Interrupt.VirtualSupervisorSoftware, true)),
    setTimer: (ticks) => vcpu.setCsr(Csr.vstimecmp, BigInt.asUintN(64, ticks)),
    shutdown: (failed) => guest.stopWith({ kind: "shutdown", code: failed ? 1 : 0 }),
    reboot: () => guest.restart(),
    load: (address, length) => {
      if (!memory.contains(address, length)) return undefined;
      const bytes = new Uint8Array(Math.min(length, MOST_BYTES));
      return memory.read(address, bytes) ? bytes : undefined;
    },
    store: (address, bytes) => memory.write(address, bytes),
    regionOfInterest: onRegion,
  };
  if (!guest.translates) return context;
  return {
    ...context,
    translate: (gpa, length) => {
      guest.charge("vmm", costs.translate);
      const pieces = length > 0 ? memory.pieces(gpa, length) : undefined;
      return pieces?.length === 1 ? BigInt(pieces[0].hpa) : undefined;
    },
  };
}
