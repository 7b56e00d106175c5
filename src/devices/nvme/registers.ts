// NVM Express Base Specification 1.4, "Controller Registers": offsets, fields, and the values that follow from the
// configuration.

/** Offsets in the controller's memory (BAR0). */
export const enum Reg {
  CAP = 0x00,
  CAP_HIGH = 0x04,
  VS = 0x08,
  INTMS = 0x0c,
  INTMC = 0x10,
  CC = 0x14,
  CSTS = 0x1c,
  AQA = 0x24,
  ASQ = 0x28,
  ASQ_HIGH = 0x2c,
  ACQ = 0x30,
  ACQ_HIGH = 0x34,
}

/** Offset of the first doorbell. Doorbell 2y is the tail of SQ y, doorbell 2y + 1 the head of CQ y (CAP.DSTRD = 0). */
export const DOORBELLS = 0x1000;
/** Bytes from one doorbell to the next. */
export const DOORBELL_STRIDE = 4;

/** VS: version 1.4.0. */
export const VERSION = 0x0001_0400;

/** Smallest memory page, CAP.MPSMIN = 0. */
export const SMALLEST_PAGE = 4096;
/** CAP.MPSMAX: the largest memory page is 2^(12 + this) bytes. */
export const MPSMAX = 4;

export const SQE_BYTES = 64;
export const CQE_BYTES = 16;
/** log2 of the above, as CC.IOSQES, CC.IOCQES and Identify spell them. */
export const SQES = 6;
export const CQES = 4;

// CC
export const CC_EN = 1;
export const CC_WRITABLE = 0x00ff_fff1;
export const ccCss = (cc: number) => (cc >>> 4) & 7;
export const ccMps = (cc: number) => (cc >>> 7) & 0xf;
export const ccAms = (cc: number) => (cc >>> 11) & 7;
export const ccShn = (cc: number) => (cc >>> 14) & 3;
export const ccIosqes = (cc: number) => (cc >>> 16) & 0xf;
export const ccIocqes = (cc: number) => (cc >>> 20) & 0xf;
export const CSS_NVM = 0;
export const AMS_ROUND_ROBIN = 0;

// CSTS
export const CSTS_RDY = 1;
export const CSTS_CFS = 2;
export const CSTS_SHST = 3 << 2;
export const SHST_OCCURRING = 1 << 2;
export const SHST_COMPLETE = 2 << 2;

// AQA
export const AQA_WRITABLE = 0x0fff_0fff;
export const aqaAsqs = (aqa: number) => (aqa & 0xfff) + 1;
export const aqaAcqs = (aqa: number) => ((aqa >>> 16) & 0xfff) + 1;

/** CAP, low half: CQR, round robin only, TO in units of 500 ms. */
export function capLow(queueEntries: number, timeoutHalfSeconds: number): number {
  const CQR = 1 << 16;
  return ((queueEntries - 1) | CQR | (timeoutHalfSeconds << 24)) >>> 0;
}

/** CAP, high half: DSTRD 0, no subsystem reset, NVM command set, MPSMIN 0, MPSMAX, no CMB, no PMR. */
export function capHigh(): number {
  const CSS_BIT_NVM = 1 << 5;
  return (CSS_BIT_NVM | (MPSMAX << 20)) >>> 0;
}
