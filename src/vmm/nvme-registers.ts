// NVM Express Base Specification 1.4: "Controller Registers", "Submission Queue Entry", "Completion Queue Entry", and
// NVM Express NVM Command Set: what the VMM's own driver and the rewriting attach mode need of them.

/** Controller registers, byte offsets in BAR0. */
export const enum NvmeReg {
  CAP = 0x00,
  VS = 0x08,
  INTMS = 0x0c,
  INTMC = 0x10,
  CC = 0x14,
  CSTS = 0x1c,
  NSSR = 0x20,
  AQA = 0x24,
  ASQ = 0x28,
  ACQ = 0x30,
}
/** Offset of the first doorbell; doorbell n of the stride 4 << CAP.DSTRD: 2y is the tail of SQ y, 2y + 1 the head of CQ y. */
export const DOORBELLS = 0x1000;

// CAP, upper half
export const CAP_HI_DSTRD = 0xf;
export const CAP_HI_NSSRS = 1 << 4;
export const CAP_HI_CSS_NVM = 1 << 5;
export const CAP_HI_BPS = 1 << 13;
export const CAP_HI_MPSMIN = 0xf << 16;
export const CAP_HI_MPSMAX = 0xf << 20;
export const CAP_HI_PMRS = 1 << 24;
export const CAP_HI_CMBS = 1 << 25;

export const CC_EN = 1;
/** Command set selected, memory page size, shutdown notification. */
export const CC_CSS = 7 << 4;
export const CC_MPS = 0xf << 7;
/** 64-byte submission entries (IOSQES = 6), 16-byte completion entries (IOCQES = 4). */
export const CC_ENTRY_SIZES = (6 << 16) | (4 << 20);
export const CSTS_RDY = 1;
export const CSTS_CFS = 2;

export const SQE_BYTES = 64;
export const CQE_BYTES = 16;
export const NVME_PAGE = 4096;
/** 8-byte entries in a page of a PRP list. */
export const PRPS_PER_PAGE = NVME_PAGE / 8;

/** Opcodes of the admin command set. */
export const enum Admin {
  DeleteSq = 0x00,
  CreateSq = 0x01,
  GetLogPage = 0x02,
  DeleteCq = 0x04,
  CreateCq = 0x05,
  Identify = 0x06,
  Abort = 0x08,
  SetFeatures = 0x09,
  GetFeatures = 0x0a,
  AsyncEventRequest = 0x0c,
  KeepAlive = 0x18,
}

/** Opcodes of the NVM command set. */
export const enum Nvm {
  Flush = 0x00,
  Write = 0x01,
  Read = 0x02,
  WriteUncorrectable = 0x04,
  Compare = 0x05,
  WriteZeroes = 0x08,
  DatasetManagement = 0x09,
}

/** Status field without phase: SC in bits 7:0, SCT in 10:8, DNR in 14. */
export const enum Status {
  Success = 0,
  InvalidOpcode = 0x001,
  InvalidField = 0x002,
  DataTransferError = 0x004,
  PrpOffsetInvalid = 0x013,
  LbaOutOfRange = 0x080,
  CompletionQueueInvalid = 0x100,
  InvalidQueueIdentifier = 0x101,
  InvalidQueueSize = 0x102,
  InvalidQueueDeletion = 0x10c,
}
/** Do Not Retry. */
export const STATUS_DNR = 0x4000;

export const FEATURE_NUMBER_OF_QUEUES = 7;
/** PCI function: command register at 4 (memory space, bus master, INTx disable), BAR0 at 0x10. */
export const PCI_COMMAND = 4;
export const PCI_MEMORY_AND_MASTER = 6;
export const PCI_BAR0 = 0x10;
