// PORTABLE. Why `run` returned to the host.

/** Reasons of an exit. Trap exits carry cause, tval, gpa and tinst in the exit record. */
export const enum Exit {
  /** The clock reached the deadline. */
  Deadline = 0,
  /** WFI with no interrupt pending: the host may let time pass. pc is already behind the WFI. */
  WaitForInterrupt = 1,
  /** An access to a physical address that is neither RAM nor on-chip: the host's devices answer it. */
  Mmio = 2,
  /** ECALL from VS-mode (a guest's SBI call), for HS-mode. */
  EnvironmentCallFromVS = 3,
  /** ECALL from S-mode (an SBI call), for M-mode. */
  EnvironmentCallFromS = 4,
  InstructionGuestPageFault = 5,
  LoadGuestPageFault = 6,
  StoreGuestPageFault = 7,
  VirtualInstruction = 8,
  /** An interrupt destined for HS- or M-mode while the host plays that mode; cause in the record. */
  Interrupt = 9,
  /** Any other trap destined for the mode that the host plays. */
  Exception = 10,
  /** EBREAK while the host debugs. */
  Breakpoint = 11,
}

/** Bits of HART_HOST: the modes that the host (TypeScript) plays, so that traps to them become exits. */
export const enum Host {
  None = 0,
  /** The host is the firmware: traps to M-mode leave. */
  M = 1,
  /** The host is the hypervisor: traps to HS-mode from V=1 leave. */
  HS = 2,
  /** The host is a debugger: EBREAK leaves. */
  Debug = 4,
}

/** What Wasm may do with an exit by itself. */
export const enum Handler {
  /** Nothing: it leaves. */
  None = 0,
  /** SBI calls whose answer is constant (BASE) or a register (TIME, with Sstc). */
  Sbi = 1,
  /** Reads of registers whose value the host keeps in SHADOW_REGISTERS. */
  ShadowRead = 2,
}
