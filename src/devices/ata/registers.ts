// AT Attachment with Packet Interface - 6 (ATA/ATAPI-6), "I/O register descriptions", "Command descriptions"; Programming Interface
// for Bus Master IDE Controller 1.0 (SFF-8038i), "Bus Master IDE Registers".

/** Command block registers, by offset. */
export const enum Task {
  DATA = 0,
  ERROR_FEATURES = 1,
  SECTOR_COUNT = 2,
  LBA_LOW = 3,
  LBA_MID = 4,
  LBA_HIGH = 5,
  DEVICE = 6,
  STATUS_COMMAND = 7,
}
export const COMMAND_BLOCK_BYTES = 8;
/** Control block: alternate status, or device control. */
export const CONTROL_OFFSET = 2;
export const CONTROL_BLOCK_BYTES = 4;

export const enum Status {
  ERR = 0x01,
  DRQ = 0x08,
  DSC = 0x10,
  DF = 0x20,
  DRDY = 0x40,
  BSY = 0x80,
}
export const enum AtaError {
  ABRT = 0x04,
  IDNF = 0x10,
  UNC = 0x40,
}
export const enum Device {
  /** Head, or bits 27:24 of the address. */
  HEAD = 0x0f,
  DEV = 0x10,
  LBA = 0x40,
  /** Bits that old software wants to see. */
  OBSOLETE = 0xa0,
}
export const enum Control {
  nIEN = 0x02,
  SRST = 0x04,
  HOB = 0x80,
}

export const enum Command {
  READ_SECTORS = 0x20,
  READ_SECTORS_NO_RETRY = 0x21,
  READ_SECTORS_EXT = 0x24,
  READ_DMA_EXT = 0x25,
  READ_NATIVE_MAX_EXT = 0x27,
  READ_MULTIPLE_EXT = 0x29,
  WRITE_SECTORS = 0x30,
  WRITE_SECTORS_NO_RETRY = 0x31,
  WRITE_SECTORS_EXT = 0x34,
  WRITE_DMA_EXT = 0x35,
  WRITE_MULTIPLE_EXT = 0x39,
  READ_VERIFY = 0x40,
  READ_VERIFY_EXT = 0x42,
  DIAGNOSTIC = 0x90,
  INITIALIZE_PARAMETERS = 0x91,
  READ_MULTIPLE = 0xc4,
  WRITE_MULTIPLE = 0xc5,
  SET_MULTIPLE_MODE = 0xc6,
  READ_DMA = 0xc8,
  READ_DMA_NO_RETRY = 0xc9,
  WRITE_DMA = 0xca,
  WRITE_DMA_NO_RETRY = 0xcb,
  STANDBY_IMMEDIATE = 0xe0,
  IDLE_IMMEDIATE = 0xe1,
  STANDBY = 0xe2,
  IDLE = 0xe3,
  CHECK_POWER_MODE = 0xe5,
  FLUSH_CACHE = 0xe7,
  FLUSH_CACHE_EXT = 0xea,
  IDENTIFY_DEVICE = 0xec,
  SET_FEATURES = 0xef,
  READ_NATIVE_MAX = 0xf8,
}

/** Bus master registers of a channel. */
export const enum BusMaster {
  COMMAND = 0,
  STATUS = 2,
  PRD_TABLE = 4,
}
export const BUS_MASTER_BYTES = 8;
export const enum Bmic {
  START = 0x01,
  /** The controller writes to memory: the disk is read. */
  TO_MEMORY = 0x08,
}
export const enum Bmis {
  ACTIVE = 0x01,
  ERROR = 0x02,
  INTERRUPT = 0x04,
  DMA_CAPABLE = 0x60,
}

export const SECTOR_BYTES = 512;
/** Sectors that READ MULTIPLE and WRITE MULTIPLE move at a time at most. */
export const MOST_MULTIPLE = 16;
