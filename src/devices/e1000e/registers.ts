// Intel 82574 GbE Controller Family Datasheet 3.4, "Driver Programing Interface": where the registers lie, their fields,
// and what those hold that do nothing by themselves.
//
// How this model was checked: rings, null descriptors (not modelled: every descriptor names a buffer) and TCP segmentation against
// pages of that datasheet; legacy descriptors, header updates, tags, interrupt registers, delay timers and statistics against the
// 82583V's, which describes the same functions without MSI-X and with one queue of each kind; ITR's unit and FPD against the
// 8254x Software Developer's Manual; offsets, bits, descriptors, IVAR's fields against Linux's e1000e (regs.h, defines.h, hw.h,
// 82571.h, e1000_configure_msix); values after reset, the PHY's registers, and when ICR clears with messages against QEMU's
// e1000e_core.c. Nothing was found for what TCTL, GCR, WUC and the management registers hold after a reset, and for types 2 … 15 of
// extended transmit descriptors.

export const enum Reg {
  CTRL = 0x0000,
  CTRL_DUP = 0x0004,
  STATUS = 0x0008,
  EECD = 0x0010,
  EERD = 0x0014,
  CTRL_EXT = 0x0018,
  FLA = 0x001c,
  MDIC = 0x0020,
  FCAL = 0x0028,
  FCAH = 0x002c,
  FCT = 0x0030,
  VET = 0x0038,
  FEXTNVM3 = 0x003c,
  ICR = 0x00c0,
  ITR = 0x00c4,
  ICS = 0x00c8,
  IMS = 0x00d0,
  IMC = 0x00d8,
  EIAC = 0x00dc,
  IAM = 0x00e0,
  IVAR = 0x00e4,
  EITR = 0x00e8,
  EITR_END = 0x00fc,
  RCTL = 0x0100,
  FCTTV = 0x0170,
  TCTL = 0x0400,
  TIPG = 0x0410,
  AIT = 0x0458,
  LEDCTL = 0x0e00,
  EXTCNF_CTRL = 0x0f00,
  EXTCNF_SIZE = 0x0f08,
  POEMB = 0x0f10,
  PBA = 0x1000,
  PBS = 0x1008,
  EEMNGCTL = 0x1010,
  EEWR = 0x102c,
  FLOP = 0x103c,
  FCRTL = 0x2160,
  FCRTH = 0x2168,
  PSRCTL = 0x2170,
  RDBAL = 0x2800,
  RDBAH = 0x2804,
  RDLEN = 0x2808,
  RDH = 0x2810,
  RDT = 0x2818,
  RDTR = 0x2820,
  RXDCTL = 0x2828,
  RADV = 0x282c,
  RSRPD = 0x2c00,
  TDBAL = 0x3800,
  TDBAH = 0x3804,
  TDLEN = 0x3808,
  TDH = 0x3810,
  TDT = 0x3818,
  TIDV = 0x3820,
  TXDCTL = 0x3828,
  TADV = 0x382c,
  TARC = 0x3840,
  STATISTICS = 0x4000,
  STATISTICS_END = 0x4128,
  RXCSUM = 0x5000,
  RFCTL = 0x5008,
  MTA = 0x5200,
  RAL = 0x5400,
  VFTA = 0x5600,
  WUC = 0x5800,
  WUFC = 0x5808,
  WUS = 0x5810,
  MRQC = 0x5818,
  MANC = 0x5820,
  MANC2H = 0x5860,
  MDEF = 0x5890,
  GCR = 0x5b00,
  FACTPS = 0x5b30,
  SWSM = 0x5b50,
  FWSM = 0x5b54,
  SW_FW_SYNC = 0x5b5c,
  GCR2 = 0x5b64,
  RETA = 0x5c00,
  RSSRK = 0x5c80,
  TSYNC = 0xb600,
}

/** From the registers of receive or transmit queue 0 to those of queue 1. */
export const QUEUE_STRIDE = 0x100;
export const QUEUES = 2;
/** BAR 0: only its first half has registers. */
export const REGISTERS_BYTES = 0x2_0000;
const STORED_BYTES = 0x1_0000;

export const enum Ctrl {
  FD = 1 << 0,
  GIO_MASTER_DISABLE = 1 << 2,
  SLU = 1 << 6,
  RST = 1 << 26,
  VME = 1 << 30,
  PHY_RST = 1 << 31,
}
export const enum Status {
  FD = 1 << 0,
  LU = 1 << 1,
  PHYRA = 1 << 10,
  GIO_MASTER_ENABLE = 1 << 19,
}
export const STATUS_SPEED_SHIFT = 6;
export const enum CtrlExt {
  ASDCHK = 1 << 12,
  EE_RST = 1 << 13,
  EIAME = 1 << 24,
  IAME = 1 << 27,
}
export const enum Rctl {
  EN = 1 << 1,
  UPE = 1 << 3,
  MPE = 1 << 4,
  LPE = 1 << 5,
  DTYP_SPLIT = 1 << 10,
  BAM = 1 << 15,
  VFE = 1 << 18,
  CFIEN = 1 << 19,
  CFI = 1 << 20,
  PMCF = 1 << 23,
  BSEX = 1 << 25,
  SECRC = 1 << 26,
}
export const enum Tctl {
  EN = 1 << 1,
  PSP = 1 << 3,
}
export const enum Rxcsum {
  PCSS = 0xff,
  IPOFLD = 1 << 8,
  TUOFLD = 1 << 9,
  PCSD = 1 << 13,
}
export const enum Rfctl {
  IPV6_DIS = 1 << 10,
  IPV6XSUM_DIS = 1 << 11,
  EXSTEN = 1 << 15,
}
/** Flush partial descriptor block, of RDTR and TIDV. */
export const FPD = 0x8000_0000;
export const RAH_AV = 0x8000_0000;
/** SWSM: read to set, so that whoever reads 0 has the semaphore. */
export const SWSM_SMBI = 1;

const ALL = 0xffff_ffff;

/** Registers that hold what is written to them: [offset, after reset, writable bits, how many]. */
const PLAIN: readonly (readonly [offset: number, reset: number, writable: number, count?: number])[] = [
  [Reg.CTRL, 0x0010_0201 | Ctrl.SLU, ALL & ~(Ctrl.RST | Ctrl.PHY_RST)],
  [Reg.CTRL_EXT, 0, ALL & ~(CtrlExt.ASDCHK | CtrlExt.EE_RST)],
  [Reg.FLA, 0, 0x3f],
  [Reg.FCAL, 0, ALL],
  [Reg.FCAH, 0, 0xffff],
  [Reg.FCT, 0, 0xffff],
  [Reg.VET, 0x8100, 0xffff],
  [Reg.FEXTNVM3, 0, ALL],
  [Reg.ITR, 0, 0xffff],
  [Reg.EIAC, 0, 0x01f0_0000],
  [Reg.IAM, 0, ALL],
  [Reg.IVAR, 0, 0x800f_ffff],
  [Reg.EITR, 0, 0xffff, 5],
  [Reg.RCTL, 0, 0x7fdf_bffe],
  [Reg.FCTTV, 0, 0xffff],
  [Reg.TCTL, 0x0100_0008, ALL],
  [Reg.TIPG, 0x0060_2008, 0x3fff_ffff],
  [Reg.AIT, 0, 0xffff],
  [Reg.LEDCTL, 0x0006_8302, ALL],
  [Reg.EXTCNF_CTRL, 8, ALL],
  [Reg.EXTCNF_SIZE, 0, ALL],
  [Reg.POEMB, 0, ALL],
  [Reg.PBA, 0x0014_0014, 0xffff],
  [Reg.PBS, 40, 0x3f],
  [Reg.EEMNGCTL, 0x8004_0000, 0],
  [Reg.FLOP, 0, ALL],
  [Reg.FCRTL, 0, 0x8000_fff8],
  [Reg.FCRTH, 0, 0xfff8],
  [Reg.PSRCTL, 0x0004_0402, 0x3f3f_3f7f],
  [Reg.RSRPD, 0, 0xfff],
  [Reg.RDTR, 0, 0xffff],
  [Reg.RADV, 0, 0xffff],
  [Reg.TIDV, 0, 0xffff],
  [Reg.TADV, 0, 0xffff],
  [Reg.RXCSUM, Rxcsum.IPOFLD | Rxcsum.TUOFLD, 0x33ff],
  [Reg.RFCTL, 0, ALL],
  [Reg.MTA, 0, ALL, 128],
  [Reg.RAL, 0, ALL, 32],
  [Reg.VFTA, 0, ALL, 128],
  [Reg.WUC, 0, 0x1ff],
  [Reg.WUFC, 0, ALL],
  [Reg.WUS, 0, ALL],
  [Reg.MRQC, 0, ALL],
  [Reg.MANC, 0, 0x0ff0_0000],
  [Reg.MANC2H, 0, ALL],
  [Reg.MDEF, 0, ALL, 8],
  [Reg.GCR, 0, ALL],
  [Reg.FACTPS, 0, 0],
  [Reg.SWSM, 0, 0xf],
  [Reg.FWSM, 0, ALL],
  [Reg.SW_FW_SYNC, 0, ALL],
  [Reg.GCR2, 0, ALL],
  [Reg.RETA, 0, ALL, 32],
  [Reg.RSSRK, 0, ALL, 10],
  ...[0, QUEUE_STRIDE].flatMap(
    (queue) =>
      [
        [queue + Reg.RDBAL, 0, 0xffff_fff0],
        [queue + Reg.RDBAH, 0, ALL],
        [queue + Reg.RDLEN, 0, 0x000f_ff80],
        [queue + Reg.RDH, 0, 0xffff],
        [queue + Reg.RDT, 0, 0xffff],
        [queue + Reg.RXDCTL, 0x0001_0000, ALL],
        [queue + Reg.TDBAL, 0, 0xffff_fff0],
        [queue + Reg.TDBAH, 0, ALL],
        [queue + Reg.TDLEN, 0, 0x000f_ff80],
        [queue + Reg.TDH, 0, 0xffff],
        [queue + Reg.TDT, 0, 0xffff],
        [queue + Reg.TXDCTL, 0, ALL],
        [queue + Reg.TARC, 0x403, ALL],
      ] as const,
  ),
];

/** The registers' contents: plain data, with the reset values and writable bits of each beside it. */
export class RegisterFile {
  private readonly words = new Uint32Array(STORED_BYTES / 4);

  /** One that isn't known reads as 0. */
  get(offset: number): number {
    return this.words[offset >>> 2] ?? 0;
  }
  /** Sets what the device itself decides. */
  set(offset: number, value: number): void {
    this.words[offset >>> 2] = value;
  }
  /** A write by software: bits that it may not write stay, registers that aren't known too. */
  write(offset: number, value: number): void {
    const writable = WRITABLE[offset >>> 2] ?? 0;
    this.words[offset >>> 2] = (this.words[offset >>> 2] & ~writable) | (value & writable);
  }
  reset(): void {
    this.words.set(RESET);
  }
}

const WRITABLE = new Uint32Array(STORED_BYTES / 4);
const RESET = new Uint32Array(STORED_BYTES / 4);
for (const [offset, reset, writable, count = 1] of PLAIN) {
  WRITABLE.fill(writable, offset >>> 2, (offset >>> 2) + count);
  RESET.fill(reset, offset >>> 2, (offset >>> 2) + count);
}
