// NVM Express Base Specification 1.4, "NVM Command Set": Flush, Write, Read, Write Zeroes, Dataset Management.
import type { BlockOperation, BlockStatus, DmaPort, DmaResult } from "../../platform/ports.js";
import { blocks, type Command, fua, NSID_ALL, NvmOpcode, slba } from "./command.js";
import { FeatureId } from "./features.js";
import { NAMESPACE } from "./identify.js";
import { checkFormat, type Internals, largestTransfer, type Outcome, PENDING, withSegments } from "./internals.js";
import { gather } from "./prp.js";
import type { Complete } from "./queue.js";
import { Status } from "./status.js";

export function executeNvm(c: Internals, command: Command, complete: Complete): Outcome {
  const format = checkFormat(command);
  if (format !== Status.Success) return format;
  const { nsid } = command;
  switch (command.opcode) {
    case NvmOpcode.Flush:
      return nsid === NAMESPACE || nsid === NSID_ALL ? flush(c, complete) : Status.InvalidNamespaceOrFormat;
    case NvmOpcode.Write:
      return nsid === NAMESPACE ? transfer(c, command, "write", complete) : Status.InvalidNamespaceOrFormat;
    case NvmOpcode.Read:
      return nsid === NAMESPACE ? transfer(c, command, "read", complete) : Status.InvalidNamespaceOrFormat;
    case NvmOpcode.WriteZeroes:
      return nsid === NAMESPACE ? writeZeroes(c, command, complete) : Status.InvalidNamespaceOrFormat;
    case NvmOpcode.DatasetManagement:
      return nsid === NAMESPACE ? datasetManagement(c, command, complete) : Status.InvalidNamespaceOrFormat;
    default:
      return Status.InvalidCommandOpcode;
  }
}

function flush(c: Internals, complete: Complete): Outcome {
  if (!c.config.volatileWriteCache) return Status.Success;
  c.submit({ operation: "flush", offset: 0, length: 0, segments: [] }, (status) => complete(statusOf(status, "flush")));
  return PENDING;
}

/** Where a command's blocks lie, or the status that refuses them. */
function checkRange(c: Internals, command: Command, writes: boolean): Status {
  if (slba(command) + blocks(command) > c.blocks) return Status.LbaOutOfRange;
  return writes && c.config.writeProtected ? Status.NamespaceIsWriteProtected : Status.Success;
}

function transfer(c: Internals, command: Command, operation: "read" | "write", complete: Complete): Outcome {
  const { blockSize } = c.config;
  const length = blocks(command) * blockSize;
  if (length > largestTransfer(c.config)) return Status.InvalidFieldInCommand;
  const range = checkRange(c, command, operation === "write");
  if (range !== Status.Success) return range;
  return withSegments(c, command, length, complete, ({ segments }) => {
    const offset = slba(command) * blockSize;
    c.submit({ operation, offset, length, segments }, (status) => {
      const outcome = statusOf(status, operation);
      if (outcome === Status.Success) count(c, operation, length);
      if (outcome === Status.Success && operation === "write") settle(c, command, complete);
      else complete(outcome);
    });
  });
}

/** A write is done; where it must not stay in a volatile cache it is flushed. */
function settle(c: Internals, command: Command, complete: Complete): void {
  const cached = c.features.value(FeatureId.VolatileWriteCache) === 1 && !fua(command);
  const outcome = cached ? Status.Success : flush(c, complete);
  if (outcome !== PENDING) complete(outcome);
}

function count(c: Internals, operation: "read" | "write", length: number): void {
  const { smart } = c.log;
  if (operation === "read") {
    smart.readCommands++;
    smart.unitsRead += length / 512;
  } else {
    smart.writeCommands++;
    smart.unitsWritten += length / 512;
  }
}

const ARRIVED: DmaResult = { ok: true, cause: 0, bytes: 0, cycles: 0 };

/** Where the zeroes come from: a port that asks no memory for them. */
class Zeroes implements DmaPort {
  constructor(private readonly port: DmaPort) {}
  get staging(): Uint8Array {
    return this.port.staging;
  }
  get view(): DataView {
    return this.port.view;
  }
  read(_lo: number, _hi: number, length: number, at = 0): DmaResult {
    this.staging.fill(0, at, at + length);
    return { ...ARRIVED, bytes: length };
  }
  write(): DmaResult {
    return { ...ARRIVED, ok: false };
  }
}

/** Bytes of one request of Write Zeroes, which MDTS doesn't limit. */
const ZEROES_AT_A_TIME = 0x1_0000;

function writeZeroes(c: Internals, command: Command, complete: Complete): Outcome {
  const range = checkRange(c, command, true);
  if (range !== Status.Success) return range;
  const { blockSize } = c.config;
  const start = slba(command) * blockSize;
  const end = start + blocks(command) * blockSize;
  const dma = new Zeroes(c.dma);
  const writeFrom = (offset: number): void => {
    const length = Math.min(ZEROES_AT_A_TIME, end - offset);
    const segments = [{ lo: 0, hi: 0, length }];
    c.submit({ operation: "write", offset, length, segments, dma }, (status) => {
      const outcome = statusOf(status, "write");
      if (outcome !== Status.Success) complete(outcome);
      else if (offset + length < end) c.soon(() => writeFrom(offset + length));
      else settle(c, command, complete);
    });
  };
  writeFrom(start);
  return PENDING;
}

/** The ranges are checked; what is deallocated keeps its contents, which "Deallocated or Unwritten Logical Blocks" allows. */
function datasetManagement(c: Internals, command: Command, complete: Complete): Outcome {
  const RANGE_BYTES = 16;
  const deallocate = (command.cdw11 & (1 << 2)) !== 0;
  if (deallocate && c.config.writeProtected) return Status.NamespaceIsWriteProtected;
  const ranges = (command.cdw10 & 0xff) + 1;
  const bytes = new Uint8Array(ranges * RANGE_BYTES);
  return withSegments(c, command, bytes.length, complete, ({ segments }) => {
    const cycles = gather(c.dma, segments, bytes);
    if (cycles < 0) {
      complete(Status.DataTransferError);
      return;
    }
    const view = new DataView(bytes.buffer);
    let inside = true;
    for (let at = 0; at < bytes.length; at += RANGE_BYTES) {
      const first = view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 0x1_0000_0000;
      if (first + view.getUint32(at + 4, true) > c.blocks) inside = false;
    }
    c.later(c.readCycles(bytes.length) + cycles, () => complete(inside ? Status.Success : Status.LbaOutOfRange));
  });
}

function statusOf(status: BlockStatus, operation: BlockOperation): Status {
  switch (status.kind) {
    case "ok":
      return Status.Success;
    case "dma-fault":
      return Status.DataTransferError;
    case "out-of-range":
      return Status.LbaOutOfRange;
    case "read-only":
      return Status.NamespaceIsWriteProtected;
    case "medium-error":
      return operation === "read" ? Status.UnrecoveredReadError : Status.WriteFault;
  }
}
