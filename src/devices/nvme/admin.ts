// NVM Express Base Specification 1.4, "Admin Command Set".
import { EventType, SmartEvent } from "./async-events.js";
import { AdminOpcode, type Command, NSID_ALL } from "./command.js";
import { FeatureId } from "./features.js";
import {
  activeNamespaces,
  Cns,
  IDENTIFY_BYTES,
  identifyController,
  identifyNamespace,
  NAMESPACE,
  namespaceDescriptors,
} from "./identify.js";
import { checkFormat, type Internals, largestTransfer, type Outcome, PENDING, withSegments } from "./internals.js";
import { LogPage, WARNING_TEMPERATURE } from "./log-pages.js";
import { scatter } from "./prp.js";
import { type Complete, completionQueue, submissionQueue } from "./queue.js";
import { CQES, SQES } from "./registers.js";
import { Status } from "./status.js";

export function executeAdmin(c: Internals, command: Command, complete: Complete): Outcome {
  const format = checkFormat(command);
  if (format !== Status.Success) return format;
  switch (command.opcode) {
    case AdminOpcode.DeleteIoSubmissionQueue:
      return deleteSubmissionQueue(c, command, complete);
    case AdminOpcode.CreateIoSubmissionQueue:
      return createSubmissionQueue(c, command);
    case AdminOpcode.GetLogPage:
      return getLogPage(c, command, complete);
    case AdminOpcode.DeleteIoCompletionQueue:
      return deleteCompletionQueue(c, command);
    case AdminOpcode.CreateIoCompletionQueue:
      return createCompletionQueue(c, command);
    case AdminOpcode.Identify:
      return identify(c, command, complete);
    case AdminOpcode.Abort:
      return abort(c, command, complete);
    case AdminOpcode.SetFeatures:
      return setFeatures(c, command, complete);
    case AdminOpcode.GetFeatures:
      return getFeatures(c, command, complete);
    case AdminOpcode.AsynchronousEventRequest:
      return requestEvent(c, command, complete);
    default:
      return Status.InvalidCommandOpcode;
  }
}

/** Sends bytes to a command's data buffer of `length` bytes, and completes it. */
function send(c: Internals, command: Command, bytes: Uint8Array, length: number, complete: Complete): Outcome {
  return withSegments(c, command, length, complete, ({ segments }) => {
    const cycles = scatter(c.dma, segments, bytes);
    if (cycles < 0) complete(Status.DataTransferError);
    else c.later(cycles, () => complete(Status.Success));
  });
}

function identify(c: Internals, command: Command, complete: Complete): Outcome {
  const { config } = c;
  const { nsid } = command;
  const reply = (bytes: Uint8Array) => send(c, command, bytes, IDENTIFY_BYTES, complete);
  switch (command.cdw10 & 0xff) {
    case Cns.Namespace:
      return nsid === NAMESPACE ? reply(identifyNamespace(config, c.blocks)) : Status.InvalidNamespaceOrFormat;
    case Cns.Controller:
      return reply(identifyController(config));
    case Cns.ActiveNamespaces:
      return nsid < NSID_ALL - 1 ? reply(activeNamespaces(nsid)) : Status.InvalidNamespaceOrFormat;
    case Cns.NamespaceDescriptors:
      return nsid === NAMESPACE ? reply(namespaceDescriptors(config)) : Status.InvalidNamespaceOrFormat;
    default:
      return Status.InvalidFieldInCommand;
  }
}

function getLogPage(c: Internals, command: Command, complete: Complete): Outcome {
  const { cdw10, cdw11, cdw12, cdw13, nsid } = command;
  const number = cdw10 & 0xff;
  const retain = (cdw10 & (1 << 15)) !== 0;
  const length = ((cdw10 >>> 16) + (cdw11 & 0xffff) * 0x1_0000 + 1) * 4;
  const offset = cdw12 + cdw13 * 0x1_0000_0000;
  const page = c.log.page(number, c.now, c.frequency);
  if (!page) return Status.InvalidLogPage;
  const wholeController = nsid === 0 || nsid === NSID_ALL;
  const inside = (offset & 3) === 0 && offset <= page.length;
  if (!inside || !wholeController || length > largestTransfer(c.config)) return Status.InvalidFieldInCommand;
  return send(c, command, page.subarray(offset), length, (status, result) => {
    complete(status, result);
    if (status !== Status.Success || retain) return;
    if (number === LogPage.ErrorInformation) c.events.cleared(EventType.Error);
    if (number === LogPage.SmartHealth) c.events.cleared(EventType.Smart);
  });
}

function setFeatures(c: Internals, command: Command, complete: Complete): Outcome {
  const id = command.cdw10 & 0xff;
  const save = command.cdw10 >>> 31 === 1;
  const status = c.features.set(id, save, command.nsid, command.cdw11);
  if (id === FeatureId.TemperatureThreshold) checkTemperature(c);
  if (status !== Status.Success || id !== FeatureId.NumberOfQueues) return status;
  const isIo = (queue: { id: number } | undefined) => queue !== undefined && queue.id > 0;
  if (c.submissionQueues.some(isIo) || c.completionQueues.some(isIo)) return Status.CommandSequenceError;
  complete(Status.Success, c.features.value(FeatureId.NumberOfQueues));
  return PENDING;
}

function getFeatures(c: Internals, command: Command, complete: Complete): Outcome {
  const { cdw10, nsid, cdw11 } = command;
  const { status, result } = c.features.get(cdw10 & 0xff, (cdw10 >>> 8) & 7, nsid, cdw11);
  complete(status, result);
  return PENDING;
}

function requestEvent(c: Internals, command: Command, complete: Complete): Outcome {
  if (c.events.full) return Status.AsynchronousEventRequestLimitExceeded;
  c.events.request(command.cid, complete);
  return PENDING;
}

/** "Temperature Threshold": a temperature at or beyond a threshold is a critical warning, and an event if asked for. */
export function checkTemperature(c: Internals): void {
  const { under, over } = c.features.thresholds;
  const { temperature } = c.config;
  const was = c.log.criticalWarning & WARNING_TEMPERATURE;
  const beyond = temperature >= over || temperature <= under;
  c.log.criticalWarning = (c.log.criticalWarning & ~WARNING_TEMPERATURE) | (beyond ? WARNING_TEMPERATURE : 0);
  const wanted = c.features.value(FeatureId.AsynchronousEventConfiguration) & WARNING_TEMPERATURE;
  if (beyond && !was && wanted) {
    c.events.raise({
      type: EventType.Smart,
      information: SmartEvent.TemperatureThreshold,
      logPage: LogPage.SmartHealth,
    });
  }
}

function abort(c: Internals, command: Command, complete: Complete): Outcome {
  const NOT_ABORTED = 1;
  const sqid = command.cdw10 & 0xffff;
  const aborted = sqid === 0 && c.events.abort(command.cdw10 >>> 16);
  complete(Status.Success, aborted ? 0 : NOT_ABORTED);
  return PENDING;
}

function createCompletionQueue(c: Internals, command: Command): Status {
  const { cdw10, cdw11, prp1 } = command;
  const id = cdw10 & 0xffff;
  const size = (cdw10 >>> 16) + 1;
  const contiguous = (cdw11 & 1) !== 0;
  const interruptsEnabled = (cdw11 & 2) !== 0;
  const vector = cdw11 >>> 16;
  if (id === 0 || id > c.config.ioQueues || c.completionQueues[id]) return Status.InvalidQueueIdentifier;
  if (size < 2 || size > c.config.queueEntries || c.entrySizes.completion !== CQES) return Status.InvalidQueueSize;
  if (vector >= c.interrupts.vectors) return Status.InvalidInterruptVector;
  if (!contiguous) return Status.InvalidFieldInCommand;
  if ((prp1.lo & (c.pageSize - 1)) !== 0) return Status.PrpOffsetInvalid;
  c.completionQueues[id] = completionQueue(id, size, prp1, interruptsEnabled, vector);
  return Status.Success;
}

function createSubmissionQueue(c: Internals, command: Command): Status {
  const { cdw10, cdw11, prp1 } = command;
  const id = cdw10 & 0xffff;
  const size = (cdw10 >>> 16) + 1;
  const contiguous = (cdw11 & 1) !== 0;
  const cqid = cdw11 >>> 16;
  if (id === 0 || id > c.config.ioQueues || c.submissionQueues[id]) return Status.InvalidQueueIdentifier;
  if (cqid === 0 || cqid > c.config.ioQueues) return Status.InvalidQueueIdentifier;
  const cq = c.completionQueues[cqid];
  if (!cq) return Status.CompletionQueueInvalid;
  if (size < 2 || size > c.config.queueEntries || c.entrySizes.submission !== SQES) return Status.InvalidQueueSize;
  if (!contiguous) return Status.InvalidFieldInCommand;
  if ((prp1.lo & (c.pageSize - 1)) !== 0) return Status.PrpOffsetInvalid;
  c.submissionQueues[id] = submissionQueue(id, size, prp1, cq);
  return Status.Success;
}

/** What is already fetched completes first; what isn't is aborted with its queue, without completions. */
function deleteSubmissionQueue(c: Internals, command: Command, complete: Complete): Outcome {
  const id = command.cdw10 & 0xffff;
  const sq = c.submissionQueues[id];
  if (id === 0 || !sq || sq.drained) return Status.InvalidQueueIdentifier;
  c.drain(sq, () => {
    sq.cq.users--;
    c.submissionQueues[id] = undefined;
    complete(Status.Success);
  });
  return PENDING;
}

function deleteCompletionQueue(c: Internals, command: Command): Status {
  const id = command.cdw10 & 0xffff;
  const cq = c.completionQueues[id];
  if (id === 0 || !cq) return Status.InvalidQueueIdentifier;
  if (cq.users > 0) return Status.InvalidQueueDeletion;
  c.completionQueues[id] = undefined;
  c.signal(cq.vector);
  return Status.Success;
}
