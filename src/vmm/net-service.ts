// Shares one physical network interface between guests: a learning switch (IEEE 802.1Q, "Principles of Bridge operation")
// whose ports are the guests' links and the interface. The wire is shared by weights: a port holds one frame that waits for it,
// and the guest's own ring is the queue behind. What comes in never waits: a guest that doesn't read loses its own frames.
import type { Link, LinkReceiver } from "../platform/ports.js";
import type { NicEvents, PhysicalNic } from "./e1000e-driver.js";
import { FairQueue, type Flow, type FlowCounters, type Share } from "./fair-queue.js";
import type { VmmServices } from "./types.js";

const ADDRESS_BYTES = 6;
const ETHERNET_HEADER = 14;
/** Longest frame that a guest may send: what the interface's buffers hold. */
const LONGEST_FRAME = 2048;
/** Addresses that are remembered; one more displaces the one that is remembered longest. */
const MOST_ADDRESSES = 1024;
/** IEEE 802.3: shortest frame; check sequence, preamble and gap, which every frame takes the wire for. */
const SHORTEST_FRAME = 60;
const FRAMING = 4 + 8 + 12;

/** What was done for one guest. */
export interface PortCounters {
  sentFrames: number;
  sentBytes: number;
  receivedFrames: number;
  receivedBytes: number;
  /** Frames that had to wait for room in the interface's ring. */
  waits: number;
  /** Frames that are none, that came while another of the guest's waited, or with the link down. */
  dropped: number;
}

/** The physical interface, as a port. */
const WIRE = -1;

/** A guest's port of the switch, as its front end has it. */
export interface LinkShare extends Link {
  readonly counters: PortCounters;
  /** What the scheduler counted of frames to the wire: bytes with framing, and cycles that they waited for their turn. */
  readonly turns: FlowCounters;
  /** Forgets the frame that waits, as the guest's reset or end asks for; nobody is told. Others may follow. */
  drop(): void;
  /** Nobody is at the port any more, until the next `attach`. */
  leave(): void;
}

class Port implements LinkShare {
  readonly counters: PortCounters = {
    sentFrames: 0,
    sentBytes: 0,
    receivedFrames: 0,
    receivedBytes: 0,
    waits: 0,
    dropped: 0,
  };
  receiver: LinkReceiver | undefined;
  /** The frame that waits for the wire, and who is to hear that it has gone. */
  readonly frame = new Uint8Array(LONGEST_FRAME);
  length = 0;
  sent: (() => void) | undefined;

  constructor(
    private readonly service: NetService,
    readonly index: number,
    readonly name: string,
    readonly book: (work: () => void) => void,
    readonly flow: Flow,
  ) {}

  get turns(): FlowCounters {
    return this.flow.counters;
  }

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
  drop(): void {
    this.service.drop(this);
  }
  leave(): void {
    this.receiver = undefined;
    this.service.forget(this);
  }
}

export class NetService implements NicEvents {
  private readonly ports: Port[] = [];
  /** Where an address was last seen, in the order of first sight. */
  private readonly seen = new Map<number, number>();
  private readonly queue: FairQueue<Port>;
  private pumping = false;
  private kicking = false;

  constructor(
    private readonly vmm: VmmServices,
    readonly nic: PhysicalNic,
  ) {
    this.queue = new FairQueue(vmm.clock, {
      largest: LONGEST_FRAME + FRAMING,
      perPiece: 0,
      busy: () => nic.busy,
      wake: () => {
        vmm.charge("vmm", vmm.costs.interrupt);
        this.pump();
      },
    });
  }

  /**
   * A port for a guest.
   * @param book does work and books it to the guest
   * @param share its weight and limits, in bytes a second of the wire, framing included
   */
  open(name: string, book: (work: () => void) => void, share: Share = {}): LinkShare {
    const port = new Port(this, this.ports.length, name, book, this.queue.open(share));
    this.ports.push(port);
    return port;
  }

  drop(port: Port): void {
    this.queue.drop(port.flow);
    port.sent = undefined;
  }

  /** Where a guest was that has gone. */
  forget(port: Port): void {
    for (const [address, at] of this.seen) if (at === port.index) this.seen.delete(address);
  }

  // ---- from a guest

  fromGuest(port: Port, frame: Uint8Array, sent: () => void): void {
    const { vmm } = this;
    const legal = frame.length >= ETHERNET_HEADER && frame.length <= LONGEST_FRAME;
    if (!legal || port.sent || !this.nic.up) {
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
    port.frame.set(frame);
    port.length = frame.length;
    port.sent = sent;
    this.queue.push(port.flow, port, Math.max(frame.length, SHORTEST_FRAME) + FRAMING);
    this.pump();
    if (port.sent === sent) port.counters.waits++;
  }

  /** Gives the interface as much as it takes. A guest that sends on meanwhile leaves that to the outer call. */
  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    const { nic, queue } = this;
    while (nic.room) {
      const port = queue.next();
      if (!port) break;
      nic.send(port.frame.subarray(0, port.length));
      this.kickLater();
      const { sent } = port;
      port.sent = undefined;
      sent?.();
    }
    nic.wantRoom(!queue.idle() && !nic.room);
    this.pumping = false;
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
    this.pump();
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
    if (!port.receiver) return;
    port.counters.receivedFrames++;
    port.counters.receivedBytes += frame.length;
    port.book(() => this.vmm.charge("vmm", this.vmm.costs.frameReceive));
    port.receiver.receive(frame);
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
