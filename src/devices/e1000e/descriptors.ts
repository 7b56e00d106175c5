// Intel 82574 GbE Controller Family Datasheet 3.4, "Legacy Transmit Descriptor Format", "TCP/IP Context Transmit Descriptor
// Format", "TCP/IP Data Descriptor Format", "Legacy Receive Descriptor Format", "Extended Rx Descriptor", "Receive Packet
// Split Descriptor": what they say, in the bytes that DMA brought.

export const TX_BYTES = 16;

/** A context: where checksums begin, go and end, and how to segment. */
export interface Context {
  ipcss: number;
  ipcso: number;
  ipcse: number;
  tucss: number;
  tucso: number;
  tucse: number;
  headerLength: number;
  mss: number;
  /** TUCMD: TCP rather than UDP; IPv4 rather than IPv6. */
  tcp: boolean;
  ipv4: boolean;
}

export const noContext = (): Context => ({
  ipcss: 0,
  ipcso: 0,
  ipcse: 0,
  tucss: 0,
  tucso: 0,
  tucse: 0,
  headerLength: 0,
  mss: 0,
  tcp: false,
  ipv4: false,
});

export const enum TxCommand {
  EOP = 1 << 0,
  IFCS = 1 << 1,
  /** Insert checksum of a legacy descriptor; TCP segmentation of an extended one. */
  IC = 1 << 2,
  TSE = 1 << 2,
  RS = 1 << 3,
  DEXT = 1 << 5,
  VLE = 1 << 6,
  IDE = 1 << 7,
}
export const enum TxOption {
  IXSM = 1 << 0,
  TXSM = 1 << 1,
}
const CONTEXT_TCP = 1 << 0;
const CONTEXT_IP = 1 << 1;
export const TX_STATUS_DD = 1;

export interface TxDescriptor {
  kind: "legacy" | "context" | "data";
  lo: number;
  hi: number;
  length: number;
  command: number;
  /** POPTS of a data descriptor. */
  options: number;
  /** CSO and CSS of a legacy descriptor. */
  checksumOffset: number;
  checksumStart: number;
  vlan: number;
  /** The last dword, in which the status is written back. */
  last: number;
}

export function decodeTx(view: DataView, at: number): TxDescriptor {
  const third = view.getUint32(at + 8, true);
  const last = view.getUint32(at + 12, true);
  const command = third >>> 24;
  const extended = (command & TxCommand.DEXT) !== 0;
  const type = (third >>> 20) & 15;
  return {
    kind: extended ? (type === 1 ? "data" : "context") : "legacy",
    lo: view.getUint32(at, true),
    hi: view.getUint32(at + 4, true),
    length: extended ? third & 0xf_ffff : third & 0xffff,
    command,
    options: (last >>> 8) & 0xff,
    checksumOffset: (third >>> 16) & 0xff,
    checksumStart: (last >>> 8) & 0xff,
    vlan: last >>> 16,
    last,
  };
}

/** What a context descriptor sets up; its first two dwords are where a buffer's address would be. */
export function contextOf({ lo, hi, last, command }: TxDescriptor): Context {
  return {
    ipcss: lo & 0xff,
    ipcso: (lo >>> 8) & 0xff,
    ipcse: lo >>> 16,
    tucss: hi & 0xff,
    tucso: (hi >>> 8) & 0xff,
    tucse: hi >>> 16,
    headerLength: (last >>> 8) & 0xff,
    mss: last >>> 16,
    tcp: (command & CONTEXT_TCP) !== 0,
    ipv4: (command & CONTEXT_IP) !== 0,
  };
}

/** Status and errors as extended descriptors have them; a legacy one has the lowest and the highest byte. */
export const enum RxStatus {
  DD = 1 << 0,
  EOP = 1 << 1,
  IXSM = 1 << 2,
  VP = 1 << 3,
  UDPCS = 1 << 4,
  TCPCS = 1 << 5,
  IPCS = 1 << 6,
  PIF = 1 << 7,
  IPIDV = 1 << 9,
  ERROR_TCPE = 1 << 29,
  ERROR_IPE = 1 << 30,
  ERROR_RXE = 1 << 31,
}

export type RxFormat = "legacy" | "extended" | "split";
export const rxBytes = (format: RxFormat): number => (format === "split" ? 32 : 16);
export const RX_BUFFERS = 4;

export interface RxDescriptor {
  /** Addresses of its buffers: one, or RX_BUFFERS with packet split. */
  buffers: { lo: number; hi: number }[];
}

export function decodeRx(view: DataView, at: number, format: RxFormat): RxDescriptor {
  const count = format === "split" ? RX_BUFFERS : 1;
  const address = (i: number) => ({
    lo: view.getUint32(at + 8 * i, true),
    hi: view.getUint32(at + 8 * i + 4, true),
  });
  return { buffers: Array.from({ length: count }, (_, i) => address(i)) };
}

/** What is said of a received packet. */
export interface RxReport {
  status: number;
  vlan: number;
  /** Packet checksum, and the identification of an IPv4 packet; or the RSS hash in their place. */
  checksum: number;
  identification: number;
  hash: number | undefined;
  /** MRQ: RSS type and queue. */
  queues: number;
  /** Bytes in each buffer. */
  lengths: readonly number[];
  /** Bytes of the header that was split off, or 0. */
  headerLength: number;
}

/** Writes a descriptor as it goes back to the host. */
export function encodeRx(view: DataView, at: number, format: RxFormat, report: RxReport): void {
  const { status, vlan, checksum, lengths } = report;
  if (format === "legacy") {
    view.setUint16(at + 8, lengths[0], true);
    view.setUint16(at + 10, checksum, true);
    view.setUint8(at + 12, status & 0xff);
    view.setUint8(at + 13, status >>> 24);
    view.setUint16(at + 14, vlan, true);
    return;
  }
  view.setUint32(at, report.queues, true);
  view.setUint32(at + 4, report.hash ?? ((checksum << 16) | report.identification) >>> 0, true);
  view.setUint32(at + 8, status >>> 0, true);
  view.setUint16(at + 12, lengths[0], true);
  view.setUint16(at + 14, vlan, true);
  if (format === "extended") return;
  const HDRSP = 0x8000;
  view.setUint16(at + 16, report.headerLength > 0 ? HDRSP | report.headerLength : 0, true);
  for (let i = 1; i < RX_BUFFERS; i++) view.setUint16(at + 16 + 2 * i, lengths[i] ?? 0, true);
  view.setUint32(at + 24, 0, true);
  view.setUint32(at + 28, 0, true);
}
