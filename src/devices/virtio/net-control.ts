// Virtual I/O Device (VIRTIO) Version 1.2, "Network Device", "Control Virtqueue": receive filtering, and steering of flows
// to receive queues.
import { PROTOCOL_TCP, PROTOCOL_UDP, packetOf } from "../offload.js";

const MAC_BYTES = 6;
const BROADCAST = 0xffff_ffff_ffff;

/** VIRTIO_NET_CTRL_RX: its commands, in their order. */
const enum Mode {
  PROMISC = 0,
  ALLMULTI = 1,
  ALLUNI = 2,
  NOMULTI = 3,
  NOUNI = 4,
  NOBCAST = 5,
}
const MODES = 6;
/** Those that come without VIRTIO_NET_F_CTRL_RX_EXTRA. */
export const PLAIN_MODES = 2;

/** The address at `at` as a number. */
export function macAt(bytes: Uint8Array, at: number): number {
  let mac = 0;
  for (let i = 0; i < MAC_BYTES; i++) mac = mac * 256 + bytes[at + i];
  return mac;
}

/** "Packet Receive Filtering", "Setting MAC Address Filtering". */
export class ReceiveFilter {
  private readonly modes = new Array<boolean>(MODES).fill(false);
  private table = new Set<number>();

  /** @param own the device's address, whatever it is at the time */
  constructor(private readonly own: () => number) {}

  /** Carries out a command of class VIRTIO_NET_CTRL_RX; whether it is one. */
  setMode(command: number, data: Uint8Array, modes = MODES): boolean {
    if (command >= modes || data.length !== 1 || data[0] > 1) return false;
    this.modes[command] = data[0] === 1;
    return true;
  }

  /** VIRTIO_NET_CTRL_MAC_TABLE_SET: a table of unicast addresses and one of multicast ones; whether they are such. */
  setTable(data: Uint8Array): boolean {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const table = new Set<number>();
    let at = 0;
    for (let list = 0; list < 2; list++) {
      if (at + 4 > data.length) return false;
      const end = at + 4 + view.getUint32(at, true) * MAC_BYTES;
      if (end > data.length) return false;
      for (at += 4; at < end; at += MAC_BYTES) table.add(macAt(data, at));
    }
    if (at !== data.length) return false;
    this.table = table;
    return true;
  }

  accepts(frame: Uint8Array): boolean {
    const { modes } = this;
    if (modes[Mode.PROMISC]) return true;
    const to = macAt(frame, 0);
    if (to === BROADCAST) return !modes[Mode.NOBCAST];
    const group = (frame[0] & 1) !== 0;
    if (modes[group ? Mode.NOMULTI : Mode.NOUNI]) return false;
    return modes[group ? Mode.ALLMULTI : Mode.ALLUNI] || this.table.has(to) || (!group && to === this.own());
  }

  reset(): void {
    this.modes.fill(false);
    this.table = new Set();
  }
}

const FLOWS = 1024;
const UNKNOWN = 0xff;

/** "Automatic receive steering in multiqueue mode": frames of a flow come where its frames were last sent from. */
export class Steering {
  private readonly learned = new Uint8Array(FLOWS).fill(UNKNOWN);
  /** Queue pairs in use. */
  pairs = 1;

  sent(frame: Uint8Array, pair: number): void {
    if (this.pairs > 1) this.learned[flow(frame)] = pair;
  }

  /** The pair that receives a frame. */
  of(frame: Uint8Array): number {
    if (this.pairs === 1) return 0;
    const at = flow(frame);
    return this.learned[at] < this.pairs ? this.learned[at] : at % this.pairs;
  }

  reset(): void {
    this.learned.fill(UNKNOWN);
    this.pairs = 1;
  }
}

/** The same number for both directions of a flow: addresses and, where there are any, ports. */
function flow(frame: Uint8Array): number {
  const packet = packetOf(frame);
  if (!packet) return 0;
  const { version, network, transport, protocol, fragment, end } = packet;
  const [from, to] = version === 4 ? [network + 12, network + 20] : [network + 8, network + 40];
  let hash = protocol;
  const add = (start: number, stop: number) => {
    for (let at = start; at < stop; at += 2) hash += frame[at] * 256 + frame[at + 1];
  };
  add(from, to);
  const ports = protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP;
  if (ports && !fragment && transport + 4 <= end) add(transport, transport + 4);
  return (Math.imul(hash, 0x9e37_79b1) >>> 16) % FLOWS;
}
