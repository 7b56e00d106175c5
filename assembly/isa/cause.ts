// PORTABLE. RISC-V Privileged Architecture, "Supervisor Cause Register", with the hypervisor's causes.

/** Exception codes. */
export const enum Cause {
  InstructionAddressMisaligned = 0,
  InstructionAccessFault = 1,
  IllegalInstruction = 2,
  Breakpoint = 3,
  LoadAddressMisaligned = 4,
  LoadAccessFault = 5,
  StoreAddressMisaligned = 6,
  StoreAccessFault = 7,
  EnvironmentCallFromU = 8,
  EnvironmentCallFromS = 9,
  EnvironmentCallFromVS = 10,
  EnvironmentCallFromM = 11,
  InstructionPageFault = 12,
  LoadPageFault = 13,
  StorePageFault = 15,
  InstructionGuestPageFault = 20,
  LoadGuestPageFault = 21,
  VirtualInstruction = 22,
  StoreGuestPageFault = 23,
}

/** Interrupt codes: bit positions in mip, sip, hvip. */
export const enum Interrupt {
  SupervisorSoftware = 1,
  VirtualSupervisorSoftware = 2,
  MachineSoftware = 3,
  SupervisorTimer = 5,
  VirtualSupervisorTimer = 6,
  MachineTimer = 7,
  SupervisorExternal = 9,
  VirtualSupervisorExternal = 10,
  MachineExternal = 11,
  SupervisorGuestExternal = 12,
}
