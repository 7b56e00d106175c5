// RFC 826, "Packet Reception"; RFC 1122, "ARP Cache Validation" and "ARP Packet Queue".
import type { Clock, EventHandle } from "../../../platform/ports.js";
import type { Packet, Transmitter } from "../transmitter.js";
import {
  BROADCAST_MAC,
  ETHERNET_HEADER,
  EtherType,
  get16,
  get32,
  getMac,
  type Ipv4,
  type Mac,
  put16,
  put32,
  putEthernet,
  putMac,
} from "./packet.js";

const ARP_BYTES = 28;
const REQUEST = 1;
const REPLY = 2;

/** Seconds for which an answer is believed, between requests, and requests before giving up. */
const LIFETIME = 60;
const RETRY = 1;
const TRIES = 3;
/** Addresses known, asked for at a time, and packets that wait for each. */
const MOST_KNOWN = 256;
const MOST_ASKED = 32;
const MOST_WAITING = 16;

interface Question {
  tries: number;
  packets: Packet[];
  timer: EventHandle;
}

export class Arp {
  readonly counters = { requestsAnswered: 0, requestsSent: 0, unanswered: 0, malformed: 0 };
  private readonly known = new Map<Ipv4, { mac: Mac; until: number }>();
  private readonly asked = new Map<Ipv4, Question>();

  constructor(
    private readonly clock: Clock,
    private readonly transmitter: Transmitter,
    private readonly mac: Mac,
    /** The first is the one that we ask as. */
    private readonly addresses: readonly Ipv4[],
  ) {}

  receive(frame: Uint8Array): void {
    const at = ETHERNET_HEADER;
    // Ethernet, IPv4, addresses of 6 and 4 bytes
    if (frame.length < at + ARP_BYTES || get32(frame, at) !== 0x1_0800 || get16(frame, at + 4) !== 0x0604) {
      this.counters.malformed++;
      return;
    }
    const operation = get16(frame, at + 6);
    const senderMac = getMac(frame, at + 8);
    const sender = get32(frame, at + 14);
    const target = get32(frame, at + 24);
    const forUs = this.addresses.includes(target);
    const usable = sender !== 0 && !this.addresses.includes(sender) && (frame[at + 8] & 1) === 0;
    if (usable && (forUs || this.known.has(sender))) this.learn(sender, senderMac);
    if (forUs && operation === REQUEST && !this.addresses.includes(sender)) {
      this.counters.requestsAnswered++;
      this.send(REPLY, target, senderMac, sender);
    }
  }

  /** Sends an IPv4 packet, complete but for its destination MAC, as soon as `next` is known. */
  resolve(packet: Packet, next: Ipv4): void {
    const entry = this.known.get(next);
    if (entry && this.clock.now() < entry.until) {
      putMac(packet.bytes, 0, entry.mac);
      this.transmitter.send(packet);
      return;
    }
    const question = this.asked.get(next);
    if (question) {
      // the oldest makes room
      if (question.packets.length >= MOST_WAITING) this.transmitter.release(question.packets.shift()!);
      question.packets.push(packet);
    } else if (this.asked.size >= MOST_ASKED) {
      this.transmitter.release(packet);
    } else {
      this.asked.set(next, { tries: 1, packets: [packet], timer: this.ask(next) });
    }
  }

  private ask(address: Ipv4): EventHandle {
    this.counters.requestsSent++;
    this.send(REQUEST, this.addresses[0], BROADCAST_MAC, address);
    return this.clock.after(RETRY * this.clock.frequency, () => this.expire(address));
  }

  private expire(address: Ipv4): void {
    const question = this.asked.get(address)!;
    if (question.tries++ < TRIES) {
      question.timer = this.ask(address);
      return;
    }
    this.counters.unanswered++;
    this.asked.delete(address);
    for (const packet of question.packets) this.transmitter.release(packet);
  }

  private learn(address: Ipv4, mac: Mac): void {
    if (!this.known.has(address) && this.known.size >= MOST_KNOWN) this.known.delete(this.known.keys().next().value!);
    this.known.set(address, { mac, until: this.clock.now() + LIFETIME * this.clock.frequency });
    const question = this.asked.get(address);
    if (!question) return;
    this.asked.delete(address);
    question.timer.cancel();
    for (const packet of question.packets) {
      putMac(packet.bytes, 0, mac);
      this.transmitter.send(packet);
    }
  }

  private send(operation: number, source: Ipv4, targetMac: Mac, target: Ipv4): void {
    const packet = this.transmitter.packet();
    const { bytes } = packet;
    const at = ETHERNET_HEADER;
    putEthernet(bytes, targetMac, this.mac, EtherType.Arp);
    put32(bytes, at, 0x1_0800);
    put16(bytes, at + 4, 0x0604);
    put16(bytes, at + 6, operation);
    putMac(bytes, at + 8, this.mac);
    put32(bytes, at + 14, source);
    putMac(bytes, at + 18, operation === REQUEST ? 0 : targetMac);
    put32(bytes, at + 24, target);
    packet.length = at + ARP_BYTES;
    this.transmitter.send(packet);
  }
}
