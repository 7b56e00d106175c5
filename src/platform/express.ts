// PCI Express Base Specification, "PCI Express Capability Structure".
import type { PcieCapability } from "./ports.js";

/** Bytes of any capability's header: id and next pointer. */
export const CAPABILITY_HEADER = 2;

/** PCI Express capability of a Root Complex Integrated Endpoint: version 2, no link, no optional feature. */
export function expressCapability(): PcieCapability {
  const ID = 0x10;
  const BYTES = 0x3c - CAPABILITY_HEADER;
  const body = new Uint8Array(BYTES);
  const view = new DataView(body.buffer);
  const VERSION_2 = 2;
  const INTEGRATED_ENDPOINT = 9 << 4;
  const ROLE_BASED_ERRORS = 1 << 15;
  /** Relaxed ordering, no snoop, read requests of 512 bytes; what is written beyond that has no effect. */
  const CONTROL = 0x2810;
  const CONTROL_WRITABLE = 0x7fff;
  view.setUint16(0, VERSION_2 | INTEGRATED_ENDPOINT, true);
  view.setUint32(2, ROLE_BASED_ERRORS, true);
  view.setUint16(6, CONTROL, true);
  const writable = new Uint8Array(BYTES);
  new DataView(writable.buffer).setUint16(6, CONTROL_WRITABLE, true);
  return { id: ID, body, writable };
}
