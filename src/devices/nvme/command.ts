// NVM Express Base Specification 1.4, "Submission Queue Entry - Command Format", "Opcodes for Admin Commands",
// "Opcodes for NVM Commands".

export const enum AdminOpcode {
  DeleteIoSubmissionQueue = 0x00,
  CreateIoSubmissionQueue = 0x01,
  GetLogPage = 0x02,
  DeleteIoCompletionQueue = 0x04,
  CreateIoCompletionQueue = 0x05,
  Identify = 0x06,
  Abort = 0x08,
  SetFeatures = 0x09,
  GetFeatures = 0x0a,
  AsynchronousEventRequest = 0x0c,
}

export const enum NvmOpcode {
  Flush = 0x00,
  Write = 0x01,
  Read = 0x02,
  WriteZeroes = 0x08,
  DatasetManagement = 0x09,
}

/** Namespace identifier that means every namespace. */
export const NSID_ALL = 0xffff_ffff;

/** A submission queue entry; 64-bit fields as low and high halves. */
export interface Command {
  opcode: number;
  /** Fused operation; 0 is a command of its own. */
  fuse: number;
  /** PRP or SGL for data transfer; 0 is PRP. */
  psdt: number;
  cid: number;
  nsid: number;
  prp1: Prp;
  prp2: Prp;
  cdw10: number;
  cdw11: number;
  cdw12: number;
  cdw13: number;
  cdw14: number;
  cdw15: number;
}

/** A physical region page entry: address of a page, or somewhere in it. */
export interface Prp {
  lo: number;
  hi: number;
}

export function decode(view: DataView, at: number): Command {
  const dword = (i: number) => view.getUint32(at + 4 * i, true);
  const cdw0 = dword(0);
  return {
    opcode: cdw0 & 0xff,
    fuse: (cdw0 >>> 8) & 3,
    psdt: (cdw0 >>> 14) & 3,
    cid: cdw0 >>> 16,
    nsid: dword(1),
    prp1: { lo: dword(6), hi: dword(7) },
    prp2: { lo: dword(8), hi: dword(9) },
    cdw10: dword(10),
    cdw11: dword(11),
    cdw12: dword(12),
    cdw13: dword(13),
    cdw14: dword(14),
    cdw15: dword(15),
  };
}

/** Starting LBA of Read, Write and Write Zeroes: exact up to 2^53, and beyond that still larger than any disk. */
export const slba = (command: Command) => command.cdw10 + command.cdw11 * 0x1_0000_0000;
/** Number of logical blocks of the same commands. */
export const blocks = (command: Command) => (command.cdw12 & 0xffff) + 1;
/** Force Unit Access. */
export const fua = (command: Command) => (command.cdw12 & (1 << 30)) !== 0;
