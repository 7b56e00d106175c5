// A learning Ethernet switch (IEEE 802.1Q, "Principles of Bridge operation": learning, filtering, flooding, ageing).
import type { Clock, Link, LinkReceiver } from "../../platform/ports.js";
import { Transmitter } from "./transmitter.js";
import { LONGEST_FRAME } from "./wire.js";

export interface SwitchParameters {
  /** Frames that wait at a port before its tail is dropped. */
  readonly queueFrames: number;
  /** Seconds after which an address that hasn't sent is forgotten. */
  readonly ageing: number;
  /** Addresses that are remembered; one more displaces the one that is remembered longest. */
  readonly addresses: number;
}

/** Ageing time: IEEE 802.1Q, "Ageing time parameter value", recommended default. The rest is assumed. */
const DEFAULTS: SwitchParameters = { queueFrames: 256, ageing: 300, addresses: 4096 };

export interface PortCounters {
  receivedFrames: number;
  /** Frames that went out here because their destination is known here, and because it isn't known or is a group. */
  forwardedFrames: number;
  floodedFrames: number;
  /** Frames not forwarded: their destination is at the port that they came from. */
  filteredFrames: number;
}

/** Destination or source of a frame as one number, the first byte the highest. */
function addressAt(frame: Uint8Array, at: number): number {
  const high = (frame[at] << 8) | frame[at + 1];
  const low = ((frame[at + 2] << 24) | (frame[at + 3] << 16) | (frame[at + 4] << 8) | frame[at + 5]) >>> 0;
  return high * 0x1_0000_0000 + low;
}

class Port implements LinkReceiver {
  readonly counters: PortCounters = { receivedFrames: 0, forwardedFrames: 0, floodedFrames: 0, filteredFrames: 0 };
  readonly transmitter: Transmitter;

  constructor(
    private readonly owner: Switch,
    readonly link: Link,
    queueFrames: number,
  ) {
    this.transmitter = new Transmitter(link, queueFrames, LONGEST_FRAME);
    link.attach(this);
  }

  /** Frames that found the queue full. */
  get dropped(): number {
    return this.transmitter.dropped;
  }

  receive(frame: Uint8Array): void {
    this.owner.forward(this, frame);
  }

  linkChanged(up: boolean): void {
    if (!up) this.owner.forget(this);
  }

  send(frame: Uint8Array): void {
    const packet = this.transmitter.packet();
    packet.bytes.set(frame);
    packet.length = frame.length;
    this.transmitter.send(packet);
  }
}

/** Joins links. Store and forward: a frame goes on when all of it has arrived. */
export class Switch {
  readonly ports: Port[] = [];
  private readonly parameters: SwitchParameters;
  /** Where an address was last seen, and when; in the order of first sight. */
  private readonly seen = new Map<number, { port: Port; cycle: number }>();

  constructor(
    private readonly clock: Clock,
    parameters: Partial<SwitchParameters> = {},
  ) {
    this.parameters = { ...DEFAULTS, ...parameters };
  }

  /** Takes the end of a link as a further port. */
  join(link: Link): Port {
    const port = new Port(this, link, this.parameters.queueFrames);
    this.ports.push(port);
    return port;
  }

  forward(from: Port, frame: Uint8Array): void {
    from.counters.receivedFrames++;
    if (frame.length < 14) return;
    this.learn(addressAt(frame, 6), from);
    const to = this.find(addressAt(frame, 0));
    if (to === from) {
      from.counters.filteredFrames++;
    } else if (to) {
      to.counters.forwardedFrames++;
      to.send(frame);
    } else {
      for (const port of this.ports) {
        if (port === from) continue;
        port.counters.floodedFrames++;
        port.send(frame);
      }
    }
  }

  /** What was learned at a port. */
  forget(port: Port): void {
    for (const [address, entry] of this.seen) if (entry.port === port) this.seen.delete(address);
  }

  private learn(address: number, port: Port): void {
    if (isGroup(address)) return;
    const cycle = this.clock.now();
    const entry = this.seen.get(address);
    if (entry) {
      entry.port = port;
      entry.cycle = cycle;
      return;
    }
    if (this.seen.size >= this.parameters.addresses) this.seen.delete(this.seen.keys().next().value!);
    this.seen.set(address, { port, cycle });
  }

  private find(address: number): Port | undefined {
    const entry = this.seen.get(address);
    if (!entry) return undefined;
    if (this.clock.now() - entry.cycle <= this.parameters.ageing * this.clock.frequency) return entry.port;
    this.seen.delete(address);
    return undefined;
  }
}

/** A multicast or broadcast address: the lowest bit of its first byte is set. */
function isGroup(address: number): boolean {
  return Math.floor(address / 0x100_0000_0000) % 2 === 1;
}
