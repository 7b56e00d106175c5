// Intel 82574 GbE Controller Family Datasheet 3.4, "Packet Address Filtering", "802.1q VLAN Support", "Multiple Receive Queues
// and Receive-Side Scaling (RSS)": which frames are for this station, and for which queue.
import { type Packet, PROTOCOL_TCP } from "../offload.js";
import { RAH_AV, Rctl, Reg, type RegisterFile } from "./registers.js";

const RECEIVE_ADDRESSES = 16;
const PAUSE_TYPE = 0x8808;

/** Whether a frame carries a tag of the type that VET names. */
export function isTagged(registers: RegisterFile, frame: Uint8Array): boolean {
  return frame.length >= 18 && ((frame[12] << 8) | frame[13]) === registers.get(Reg.VET);
}

export function accepts(registers: RegisterFile, frame: Uint8Array): boolean {
  const rctl = registers.get(Reg.RCTL);
  if (isTagged(registers, frame) && rctl & Rctl.VFE && !vlanAccepted(registers, frame)) return false;
  if (((frame[12] << 8) | frame[13]) === PAUSE_TYPE && !(rctl & Rctl.PMCF)) return false;
  if ((frame[0] & 1) === 0) return (rctl & Rctl.UPE) !== 0 || addressed(registers, frame);
  if (rctl & Rctl.MPE) return true;
  const broadcast = frame.subarray(0, 6).every((byte) => byte === 0xff);
  if (broadcast && rctl & Rctl.BAM) return true;
  return addressed(registers, frame) || hashed(registers, frame, rctl);
}

function vlanAccepted(registers: RegisterFile, frame: Uint8Array): boolean {
  const rctl = registers.get(Reg.RCTL);
  const tag = (frame[14] << 8) | frame[15];
  const canonical = (tag >>> 12) & 1;
  if (rctl & Rctl.CFIEN && canonical !== (rctl & Rctl.CFI ? 1 : 0)) return false;
  const id = tag & 0xfff;
  return ((registers.get(Reg.VFTA + 4 * (id >>> 5)) >>> (id & 31)) & 1) !== 0;
}

/** "Exact filters": RAL and RAH. */
function addressed(registers: RegisterFile, frame: Uint8Array): boolean {
  const low = (frame[0] | (frame[1] << 8) | (frame[2] << 16) | (frame[3] << 24)) >>> 0;
  const high = frame[4] | (frame[5] << 8);
  for (let i = 0; i < RECEIVE_ADDRESSES; i++) {
    const rah = registers.get(Reg.RAL + 8 * i + 4);
    if (rah & RAH_AV && (rah & 0xffff) === high && registers.get(Reg.RAL + 8 * i) === low) return true;
  }
  return false;
}

/** "Inexact filters": 12 bits of the address choose a bit of the multicast table; RCTL.MO says which. */
function hashed(registers: RegisterFile, frame: Uint8Array, rctl: number): boolean {
  const shift = [4, 3, 2, 0][(rctl >>> 12) & 3];
  const bit = (((frame[5] << 8) | frame[4]) >>> shift) & 0xfff;
  return ((registers.get(Reg.MTA + 4 * (bit >>> 5)) >>> (bit & 31)) & 1) !== 0;
}

const enum Mrqc {
  ENABLE_MASK = 3,
  ENABLE_RSS = 1,
  TCP_IPV4 = 1 << 16,
  IPV4 = 1 << 17,
}

export interface Rss {
  hash: number;
  /** RSS type of the descriptor: 1 TCP over IPv4, 2 IPv4; 0 none. */
  type: number;
  queue: number;
}

/** "Receive-Side Scaling": the Toeplitz hash of addresses and ports, and the queue that the redirection table names. */
export function scale(registers: RegisterFile, frame: Uint8Array, packet: Packet | undefined): Rss | undefined {
  const mrqc = registers.get(Reg.MRQC);
  if ((mrqc & Mrqc.ENABLE_MASK) !== Mrqc.ENABLE_RSS) return undefined;
  const none: Rss = { hash: 0, type: 0, queue: 0 };
  if (packet?.version !== 4) return none;
  const { network, transport, fragment, end } = packet;
  const addresses = frame.subarray(network + 12, network + 20);
  const ports = !fragment && packet.protocol === PROTOCOL_TCP && transport + 4 <= end;
  const withPorts = ports && (mrqc & Mrqc.TCP_IPV4) !== 0;
  if (!withPorts && !(mrqc & Mrqc.IPV4)) return none;
  const input = withPorts ? [...addresses, ...frame.subarray(transport, transport + 4)] : [...addresses];
  const hash = toeplitz(registers, input);
  const entry = registers.get(Reg.RETA + (hash & 0x7c)) >>> (8 * (hash & 3));
  return { hash, type: withPorts ? 1 : 2, queue: (entry >>> 7) & 1 };
}

function toeplitz(registers: RegisterFile, input: readonly number[]): number {
  const keyBit = (at: number) => {
    const byte = at >>> 3;
    return (registers.get(Reg.RSSRK + (byte & ~3)) >>> (8 * (byte & 3) + 7 - (at & 7))) & 1;
  };
  let window = 0;
  for (let bit = 0; bit < 32; bit++) window = (window << 1) | keyBit(bit);
  let hash = 0;
  input.forEach((byte, i) => {
    for (let bit = 0; bit < 8; bit++) {
      if ((byte >>> (7 - bit)) & 1) hash ^= window;
      window = (window << 1) | keyBit(8 * i + bit + 32);
    }
  });
  return hash >>> 0;
}
