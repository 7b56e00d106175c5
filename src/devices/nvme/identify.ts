// NVM Express Base Specification 1.4, "Identify command": Identify Controller and Identify Namespace data structures,
// active namespace list, Namespace Identification Descriptor list. One namespace, number 1.
import { REQUEST_LIMIT } from "./async-events.js";
import { ERROR_ENTRIES, put64, putText } from "./log-pages.js";
import type { NvmeConfig } from "./parameters.js";
import { CQES, SQES, VERSION } from "./registers.js";

export const IDENTIFY_BYTES = 4096;
/** The only namespace. */
export const NAMESPACE = 1;

/** Controller or Namespace Structure. */
export const enum Cns {
  Namespace = 0x00,
  Controller = 0x01,
  ActiveNamespaces = 0x02,
  NamespaceDescriptors = 0x03,
}

/** Kelvins at which the composite temperature is a warning, and critical. */
export const WARNING_TEMPERATURE_KELVINS = 343;
const CRITICAL_TEMPERATURE_KELVINS = 373;
/** Recommended arbitration burst, log2 of commands. */
export const ARBITRATION_BURST = 3;
/** Abort Command Limit + 1. */
const ABORT_LIMIT = 4;

export function identifyController(config: NvmeConfig): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, config.vendorId, true);
  view.setUint16(2, config.subsystemVendorId, true);
  putText(bytes, 4, 20, config.serialNumber);
  putText(bytes, 24, 40, config.modelNumber);
  putText(bytes, 64, 8, config.firmwareRevision);
  bytes[72] = ARBITRATION_BURST;
  bytes[77] = config.mdts;
  view.setUint32(80, VERSION, true);
  bytes[111] = 1; // CNTRLTYPE: I/O controller
  bytes[258] = ABORT_LIMIT - 1;
  bytes[259] = REQUEST_LIMIT - 1;
  bytes[260] = 0x03; // FRMW: one slot, read only
  bytes[261] = 0x04; // LPA: extended data, that is log page offset
  bytes[262] = ERROR_ENTRIES - 1;
  view.setUint16(266, WARNING_TEMPERATURE_KELVINS, true);
  view.setUint16(268, CRITICAL_TEMPERATURE_KELVINS, true);
  bytes[512] = SQES | (SQES << 4);
  bytes[513] = CQES | (CQES << 4);
  view.setUint32(516, NAMESPACE, true); // NN
  view.setUint16(520, 0x001c, true); // ONCS: dataset management, write zeroes, save and select
  bytes[525] = config.volatileWriteCache ? 0x07 : 0x06; // VWC: present; a flush may name every namespace
  const nqn = `nqn.2014-08.org.nvmexpress:uuid:${config.uuid}`;
  putText(bytes, 768, nqn.length, nqn);
  return bytes;
}

export function identifyNamespace(config: NvmeConfig, blocks: number): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_BYTES);
  const view = new DataView(bytes.buffer);
  put64(view, 0, blocks);
  put64(view, 8, blocks);
  put64(view, 16, blocks);
  bytes[99] = config.writeProtected ? 1 : 0;
  bytes[128 + 2] = Math.log2(config.blockSize); // LBAF0: LBADS
  return bytes;
}

/** Namespaces with identifiers above `after`. */
export function activeNamespaces(after: number): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_BYTES);
  if (after < NAMESPACE) bytes[0] = NAMESPACE;
  return bytes;
}

export function namespaceDescriptors(config: NvmeConfig): Uint8Array {
  const NIDT_UUID = 3;
  const bytes = new Uint8Array(IDENTIFY_BYTES);
  const digits = config.uuid.replaceAll("-", "");
  bytes[0] = NIDT_UUID;
  bytes[1] = 16;
  for (let i = 0; i < 16; i++) bytes[4 + i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
