// PORTABLE. RISC-V Privileged Architecture, "Privilege Levels".

/** Nominal privilege mode, as in mstatus.MPP. */
export const enum Mode {
  U = 0,
  S = 1,
  M = 3,
}
