// NVM Express Base Specification 1.4, "Status Field Definition": status code type in bits 10:8, status code in 7:0.

export const enum Status {
  Success = 0x000,
  InvalidCommandOpcode = 0x001,
  InvalidFieldInCommand = 0x002,
  DataTransferError = 0x004,
  InternalError = 0x006,
  CommandAbortRequested = 0x007,
  InvalidNamespaceOrFormat = 0x00b,
  CommandSequenceError = 0x00c,
  PrpOffsetInvalid = 0x013,
  NamespaceIsWriteProtected = 0x020,
  LbaOutOfRange = 0x080,
  CompletionQueueInvalid = 0x100,
  InvalidQueueIdentifier = 0x101,
  InvalidQueueSize = 0x102,
  AsynchronousEventRequestLimitExceeded = 0x105,
  InvalidInterruptVector = 0x108,
  InvalidLogPage = 0x109,
  InvalidQueueDeletion = 0x10c,
  FeatureIdentifierNotSaveable = 0x10d,
  FeatureNotChangeable = 0x10e,
  FeatureNotNamespaceSpecific = 0x10f,
  WriteFault = 0x280,
  UnrecoveredReadError = 0x281,
}

/** More: the error information log tells more about this command. */
export const MORE = 1 << 13;
/** Do Not Retry: the same command would fail again. */
export const DNR = 1 << 14;

/** The status field without the phase tag, as it goes into a completion. */
export function statusField(status: Status): number {
  switch (status) {
    case Status.Success:
    case Status.CommandAbortRequested:
      return status;
    case Status.DataTransferError:
    case Status.InternalError:
    case Status.WriteFault:
    case Status.UnrecoveredReadError:
      return status | MORE;
    default:
      return status | MORE | DNR;
  }
}
