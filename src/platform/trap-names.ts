// What traps are called in messages. RISC-V Privileged Architecture, "Trap Cause Codes".
import { Cause, Interrupt } from "../../assembly/isa/cause.js";

const EXCEPTIONS: Readonly<Record<number, string>> = {
  [Cause.InstructionAddressMisaligned]: "instruction address misaligned",
  [Cause.InstructionAccessFault]: "instruction access fault",
  [Cause.IllegalInstruction]: "illegal instruction",
  [Cause.Breakpoint]: "breakpoint",
  [Cause.LoadAddressMisaligned]: "load address misaligned",
  [Cause.LoadAccessFault]: "load access fault",
  [Cause.StoreAddressMisaligned]: "store/AMO address misaligned",
  [Cause.StoreAccessFault]: "store/AMO access fault",
  [Cause.EnvironmentCallFromU]: "environment call from U-mode",
  [Cause.EnvironmentCallFromS]: "environment call from S-mode",
  [Cause.EnvironmentCallFromVS]: "environment call from VS-mode",
  [Cause.EnvironmentCallFromM]: "environment call from M-mode",
  [Cause.InstructionPageFault]: "instruction page fault",
  [Cause.LoadPageFault]: "load page fault",
  [Cause.StorePageFault]: "store/AMO page fault",
  [Cause.InstructionGuestPageFault]: "instruction guest-page fault",
  [Cause.LoadGuestPageFault]: "load guest-page fault",
  [Cause.VirtualInstruction]: "virtual instruction",
  [Cause.StoreGuestPageFault]: "store/AMO guest-page fault",
};

const INTERRUPTS: Readonly<Record<number, string>> = {
  [Interrupt.SupervisorSoftware]: "supervisor software interrupt",
  [Interrupt.SupervisorTimer]: "supervisor timer interrupt",
  [Interrupt.SupervisorExternal]: "supervisor external interrupt",
};

/** "illegal instruction"; "exception 24" for a code without a name. */
export function exceptionName(code: number): string {
  return EXCEPTIONS[code] ?? `exception ${code}`;
}

/** The interrupt of a code in scause. */
export function interruptName(code: number): string {
  return INTERRUPTS[code] ?? `interrupt ${code}`;
}
