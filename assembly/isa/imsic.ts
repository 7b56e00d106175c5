// PORTABLE. RISC-V Advanced Interrupt Architecture 1.0, "Incoming MSI Controller (IMSIC)": sizes and registers of interrupt files. Their
// pages lie as on QEMU's `virt` board.

/** Pages of the machine-level files, one a hart. */
export const IMSIC_M = 0x2400_0000;
/** Pages of the supervisor-level files; the guests' follow each hart's own. */
export const IMSIC_S = 0x2800_0000;
export const IMSIC_PAGE = 0x1000;
/** Highest interrupt identity. */
export const IMSIC_IDENTITIES = 255;
/** Most guest interrupt files of a hart. */
export const IMSIC_GUESTS_MAX = 7;

/** Registers of an interrupt file, by the value of miselect, siselect or vsiselect. */
export const enum FileRegister {
  eidelivery = 0x70,
  eithreshold = 0x72,
  eip0 = 0x80,
  eip63 = 0xbf,
  eie0 = 0xc0,
  eie63 = 0xff,
}

/** Registers in the page of an interrupt file. */
export const enum PageRegister {
  seteipnum_le = 0,
  seteipnum_be = 4,
}
