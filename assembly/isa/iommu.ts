// PORTABLE. RISC-V IOMMU Architecture 1.0: "Register layout", "Device-context fields", "Fault record 'CAUSE' field encodings".

/** Register offsets; 8-byte registers are reached as two 4-byte halves. */
export const enum IommuReg {
  capabilities = 0,
  fctl = 8,
  ddtp = 16,
  cqb = 24,
  cqh = 32,
  cqt = 36,
  fqb = 40,
  fqh = 48,
  fqt = 52,
  cqcsr = 72,
  fqcsr = 76,
  ipsr = 84,
  iocountovf = 88,
  iocountinh = 92,
  iohpmcycles = 96,
  /** iohpmctr1; the next follow at 8 bytes each. */
  iohpmctr = 104,
  /** iohpmevt1; the next follow at 8 bytes each. */
  iohpmevt = 352,
  tr_req_iova = 600,
  tr_req_ctl = 608,
  tr_response = 616,
  icvec = 760,
  /** msi_addr_0 (8 bytes), msi_data_0, msi_vec_ctl_0; the next follow at 16 bytes each. */
  msi_cfg_tbl = 768,
}
/** Bit of `capabilities` (low half): MSI page tables, and with them device contexts in the extended format. */
export const CAPABILITY_MSI_FLAT = 1 << 22;
/** fctl.WSI. */
export const FCTL_WSI = 2;
/** Interrupt vectors: wires, or entries of `msi_cfg_tbl`. */
export const IOMMU_VECTORS = 4;
/** Bytes of the register file. */
export const IOMMU_SIZE = 4096;

/** `ddtp.iommu_mode`. */
export const enum IommuMode {
  Off = 0,
  Bare = 1,
  OneLevel = 2,
  TwoLevel = 3,
  ThreeLevel = 4,
}

/** Bits of `cqcsr`. */
export const enum Cqcsr {
  cqen = 1,
  cie = 2,
  cqmf = 0x100,
  cmd_to = 0x200,
  cmd_ill = 0x400,
  fence_w_ip = 0x800,
  cqon = 0x10000,
}

/** Bits of `fqcsr`. */
export const enum Fqcsr {
  fqen = 1,
  fie = 2,
  fqmf = 0x100,
  fqof = 0x200,
  fqon = 0x10000,
}

/** Bits of `ipsr`. */
export const enum Ipsr {
  cip = 1,
  fip = 2,
  pmip = 4,
  pip = 8,
}

/** Bits of a device context's translation control `tc`. */
export const enum Tc {
  V = 1,
  EN_ATS = 2,
  EN_PRI = 4,
  T2GPA = 8,
  DTF = 16,
  PDTV = 32,
  PRPR = 64,
  GADE = 128,
  SADE = 256,
  DPE = 512,
  SBE = 1024,
  SXL = 2048,
}

/** Bits of a process context's `ta`. */
export const enum PcTa {
  V = 1,
  ENS = 2,
  SUM = 4,
}

/** `pdtp.MODE`. */
export const enum PdtpMode {
  Bare = 0,
  PD8 = 1,
  PD17 = 2,
  PD20 = 3,
}

/** Fault causes. */
export const enum IoFault {
  InstructionAccessFault = 1,
  ReadAccessFault = 5,
  WriteAccessFault = 7,
  InstructionPageFault = 12,
  ReadPageFault = 13,
  WritePageFault = 15,
  InstructionGuestPageFault = 20,
  ReadGuestPageFault = 21,
  WriteGuestPageFault = 23,
  AllInboundTransactionsDisallowed = 256,
  DdtEntryLoadAccessFault = 257,
  DdtEntryNotValid = 258,
  DdtEntryMisconfigured = 259,
  TransactionTypeDisallowed = 260,
  MsiPteLoadAccessFault = 261,
  MsiPteNotValid = 262,
  MsiPteMisconfigured = 263,
  PdtEntryLoadAccessFault = 265,
  PdtEntryNotValid = 266,
  PdtEntryMisconfigured = 267,
  IommuMsiWriteAccessFault = 273,
}

/** Transaction types of a fault record. */
export const enum Ttyp {
  None = 0,
  UntranslatedReadForExecute = 1,
  UntranslatedRead = 2,
  UntranslatedWrite = 3,
}

/** Events of `iohpmevt`. */
export const enum HpmEvent {
  UntranslatedRequests = 1,
  TlbMiss = 4,
  DeviceDirectoryWalks = 5,
  ProcessDirectoryWalks = 6,
  FirstStageWalks = 7,
  SecondStageWalks = 8,
}

/** Replacement policy of the IOTLB (not of the specification). */
export const enum Replacement {
  Lru = 0,
  Plru = 1,
  Fifo = 2,
  Random = 3,
}
