// Shares one physical network interface between guests: a learning switch (IEEE 802.1Q, "Principles of Bridge operation")
// whose ports are the guests' links and the interface. Frames to the wire wait their turn, one of each guest.
import type { Link, LinkReceiver, Share } from "../platform/ports.js";
import type { NicEvents, PhysicalNic } from "./e1000e-driver.js";
import type { VmmServices } from "./types.js";

const ADDRESS_BYTES = 6;
const ETHERNET_HEADER = 14;
/** Longest frame that a guest may send: what the interface's buffers hold. */
const LONGEST_FRAME = 2048;
/** Addresses that are remembered; one more displaces the one that is remembered longest. */
const MOST_ADDRESSES = 1024;

/** What was done for one guest. */
export interface PortCounters {
  sentFrames: number;
  sentBytes: number;
  receivedFrames: number;
  receivedBytes: number;
  /** Frames that had to wait for room in the interface's ring. */
  waits: number;
  /** Frames that are none, or that came while another of the guest's waited. */
  dropped: number;
}

/** The physical interface, as a port. */
const WIRE = -1;

class Port implements Link, Share {
  readonly counters: PortCounters = {
    sentFrames: 0,
    sentBytes: 0,
    receivedFrames: 0,
    receivedBytes: 0,
    waits: 0,
    dropped: 0,
  };
  receiver: LinkReceiver | undefined;
  /** The frame that waits for the interface, and who is to hear that it has gone. */
  readonly frame = new Uint8Array(LONGEST_FRAME);
  length = 0;
  sent: (() => void) | undefined;

  constructor(
    private readonly service: NetService,
    readonly index: number,
    readonly name: string,
    readonly book: (work: () => void) => void,
  ) {}

  get up(): boolean {
    return this.service.nic.up;
  }
  get speed(): number {
    return this.service.nic.speed;
  }
  attach(receiver: LinkReceiver): void {
    this.receiver = receiver;
  }
  send(frame: Uint8Array, sent: () => void): void {
    this.service.fromGuest(this, frame, sent);
  }
  close(quiet: () => void): void {
    this.closed = true;
    this.receiver = undefined;
    this.sent = undefined;
    this.service.forget(this);
    quiet();
  }
  closed = false;
}

export class NetService implements NicEvents {
  private readonly ports: Port[] = [];
  /** Where an address was last seen, in the order of first sight. */
  private readonly seen = new Map<number, number>();
  private turn = 0;
  private kicking = false;

  constructor(
    private readonly vmm: VmmServices,
    readonly nic: PhysicalNic,
  ) {}

  /** A port for a guest. @param book does work and books it to the guest */
  open(name: string, book: (work: () => void) => void): Link & Share & { readonly counters: PortCounters } {
    const old = this.ports.findIndex((port) => port.closed && port.name === name);
    const port = new Port(this, old < 0 ? this.ports.length : old, name, book);
    this.ports[port.index] = port;
    return port;
  }

  /** Nobody is at a port any more. */
  forget(port: Port): void {
    for (const [address, at] of this.seen) if (at === port.index) this.seen.delete(address);
  }

  // ---- from a guest

  fromGuest(port: Port, frame: Uint8Array, sent: () => void): void {
    const { vmm } = this;
    const legal = frame.length >= ETHERNET_HEADER && frame.length <= LONGEST_FRAME;
    if (!legal || port.closed || port.sent || !this.nic.up) {
      port.counters.dropped++;
      vmm.clock.after(0, sent);
      return;
    }
    this.learn(frame, port.index);
    port.counters.sentFrames++;
    port.counters.sentBytes += frame.length;
    const to = this.destination(frame);
    if (to === undefined) this.flood(frame, port.index);
    else if (to !== WIRE && to !== port.index) this.deliver(this.ports[to], frame);
    if (to === undefined || to === WIRE) this.toWire(port, frame, sent);
    else vmm.clock.after(0, sent);
  }

  private toWire(port: Port, frame: Uint8Array, sent: () => void): void {
    port.book(() => this.vmm.charge("vmm", this.vmm.costs.frameSend + frame.length * this.vmm.costs.copyByte));
    if (this.nic.send(frame)) {
      this.kickLater();
      this.vmm.clock.after(0, sent);
      return;
    }
    port.counters.waits++;
    port.frame.set(frame);
    port.length = frame.length;
    port.sent = sent;
    this.nic.wantRoom(true);
  }

  /** One write of the tail register for all frames that one exit of a guest sends. */
  private kickLater(): void {
    if (this.kicking) return;
    this.kicking = true;
    this.vmm.clock.after(0, () => {
      this.kicking = false;
      this.nic.kick();
    });
  }

  // ---- from the interface

  room(): void {
    const { ports, nic } = this;
    const first = this.turn;
    for (let i = 0; i < ports.length; i++) {
      const port = ports[(first + i) % ports.length];
      const { sent } = port;
      if (!sent) continue;
      if (!nic.send(port.frame.subarray(0, port.length))) break;
      this.turn = port.index + 1;
      port.sent = undefined;
      this.kickLater();
      sent();
    }
    nic.wantRoom(ports.some((port) => port.sent));
  }

  received(frame: Uint8Array): void {
    if (frame.length < ETHERNET_HEADER) return;
    this.learn(frame, WIRE);
    const to = this.destination(frame);
    if (to === undefined) this.flood(frame, WIRE);
    else if (to !== WIRE) this.deliver(this.ports[to], frame);
  }

  linkChanged(up: boolean): void {
    for (const port of this.ports) port.receiver?.linkChanged(up);
  }

  // ---- the switch

  private flood(frame: Uint8Array, from: number): void {
    for (const port of this.ports) if (port.index !== from) this.deliver(port, frame);
  }

  private deliver(port: Port, frame: Uint8Array): void {
    if (port.closed) return;
    port.counters.receivedFrames++;
    port.counters.receivedBytes += frame.length;
    port.book(() => this.vmm.charge("vmm", this.vmm.costs.frameReceive));
    port.receiver?.receive(frame);
  }

  /** A group's address leads everywhere, as one does that nobody has sent from. */
  private destination(frame: Uint8Array): number | undefined {
    return frame[0] & 1 ? undefined : this.seen.get(addressAt(frame, 0));
  }

  private learn(frame: Uint8Array, port: number): void {
    if (frame[ADDRESS_BYTES] & 1) return;
    const address = addressAt(frame, ADDRESS_BYTES);
    if (!this.seen.has(address) && this.seen.size >= MOST_ADDRESSES) this.seen.delete(this.seen.keys().next().value!);
    this.seen.set(address, port);
  }
}

function addressAt(frame: Uint8Array, at: number): number {
  const high = (frame[at] << 8) | frame[at + 1];
  const low = ((frame[at + 2] << 24) | (frame[at + 3] << 16) | (frame[at + 4] << 8) | frame[at + 5]) >>> 0;
  return high * 0x1_0000_0000 + low;
}
