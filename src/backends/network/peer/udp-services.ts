// Small services over UDP: RFC 862 (echo), RFC 863 (discard), RFC 864 (character generator); and a source of datagrams.
import type { Clock } from "../../../platform/ports.js";
import type { Ipv4 } from "./packet.js";
import type { Udp, UdpDatagram } from "./udp.js";

export const enum Service {
  Echo = 7,
  Discard = 9,
  CharacterGenerator = 19,
  Http = 80,
  /** Takes bytes in bulk and counts them (where iperf listens). */
  Bulk = 5001,
  /** Gives datagrams to whoever asks. */
  Source = 5002,
  /** Says what has come to one of the sinks from whoever asks. */
  Count = 5003,
  /** A sink that also takes the checksum of what comes. */
  Store = 5004,
}

/** Datagrams that one request to the source brings at most. */
const MOST_DATAGRAMS = 1024;
/**
 * A request to the source: number of the first datagram, how many, bytes of each; 32 bits, big-endian. Two more words may
 * follow: those whose number + 1 is a multiple of the first have only so many bytes as the second says.
 */
const REQUEST_BYTES = 12;
const LONG_REQUEST_BYTES = 20;
/** A question to the counter: a number, which the answer begins with, and the sink's port. */
const QUESTION_BYTES = 8;
/** Its answer: datagrams, and bytes as 64 bits. */
const ANSWER_BYTES = 16;
/** Most senders that are told apart. */
const MOST_SENDERS = 1024;

/** What has come to a sink from one address. */
export interface Received {
  datagrams: number;
  bytes: number;
}

/** What has come to the store from one address: the numbers that datagrams begin with are not part of the data. */
export interface Stored extends Received {
  /** Datagrams that are missing before one that came. */
  missing: number;
  /** Of the data, by the services' `checksum`. */
  checksum: number;
}

/** What numbered datagrams begin with. */
const NUMBER_BYTES = 4;

/** Ports below are those of servers: answering them could go on for ever. */
const FIRST_CLIENT_PORT = 1024;

export interface UdpStream {
  readonly destination: Ipv4;
  readonly destinationPort: number;
  /** Datagrams to send, bytes of data in each, and how many of them leave in a second. */
  readonly count: number;
  readonly bytes: number;
  readonly rate: number;
}

/** The lines that RFC 864 suggests ("Data Syntax"): 72 of the 95 printing characters, each line begun one further. */
export function characters(length: number, from = 0): Uint8Array {
  const text = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const line = Math.floor((from + i) / 74);
    const column = (from + i) % 74;
    text[i] = column < 72 ? 32 + ((line + column) % 95) : column === 72 ? 13 : 10;
  }
  return text;
}

export class UdpServices {
  /** What has come to the sinks. */
  readonly counters = { echoes: 0, discardedDatagrams: 0, discardedBytes: 0, generated: 0, given: 0 };
  /** Takes the checksum of what is stored, going on from that of what came before; 0 at first. */
  checksum: (data: Uint8Array, before: number) => number = () => 0;
  /** By port and sender. */
  private readonly received = new Map<string, Received>();
  readonly stored = new Map<Ipv4, Stored>();

  constructor(
    private readonly clock: Clock,
    private readonly udp: Udp,
    private readonly address: Ipv4,
  ) {
    udp.bind(Service.Echo, (datagram) => {
      if (!mayAnswer(datagram) || datagram.data.length > udp.mostData) return;
      this.counters.echoes++;
      udp.reply(datagram, datagram.destination, datagram.data);
    });
    udp.bind(Service.CharacterGenerator, (datagram) => {
      if (!mayAnswer(datagram)) return;
      this.counters.generated++;
      udp.reply(datagram, datagram.destination, characters(512));
    });
    const discard = (datagram: UdpDatagram) => {
      this.counters.discardedDatagrams++;
      this.counters.discardedBytes += datagram.data.length;
      this.count(datagram);
    };
    udp.bind(Service.Discard, discard);
    udp.bind(Service.Bulk, discard);
    udp.bind(Service.Source, (datagram) => {
      if (mayAnswer(datagram) && datagram.data.length >= REQUEST_BYTES) this.give(datagram);
    });
    udp.bind(Service.Count, (datagram) => {
      if (mayAnswer(datagram) && datagram.data.length >= QUESTION_BYTES) this.tell(datagram);
    });
    udp.bind(Service.Store, (datagram) => {
      if (datagram.data.length >= NUMBER_BYTES) this.store(datagram);
    });
  }

  private count({ source, destinationPort, data }: UdpDatagram): void {
    const seen = entry(this.received, `${destinationPort} ${source}`, () => ({ datagrams: 0, bytes: 0 }));
    if (!seen) return;
    seen.datagrams++;
    seen.bytes += data.length;
  }

  private store(datagram: UdpDatagram): void {
    this.count(datagram);
    const { source, data } = datagram;
    const seen = entry(this.stored, source, () => ({ datagrams: 0, bytes: 0, missing: 0, checksum: 0 }));
    if (!seen) return;
    seen.missing = Math.max(seen.missing, viewOf(data).getUint32(0) - seen.datagrams);
    seen.datagrams++;
    seen.bytes += data.length - NUMBER_BYTES;
    seen.checksum = this.checksum(data.subarray(NUMBER_BYTES), seen.checksum);
  }

  private tell(question: UdpDatagram): void {
    const asked = viewOf(question.data);
    const seen = this.received.get(`${asked.getUint32(NUMBER_BYTES)} ${question.source}`);
    const answer = new DataView(new ArrayBuffer(ANSWER_BYTES));
    answer.setUint32(0, asked.getUint32(0));
    answer.setUint32(4, seen?.datagrams ?? 0);
    answer.setBigUint64(8, BigInt(seen?.bytes ?? 0));
    this.udp.reply(question, question.destination, new Uint8Array(answer.buffer));
  }

  /** Datagrams as `stream` sends them, all at once. */
  private give(request: UdpDatagram): void {
    const asked = viewOf(request.data);
    const first = asked.getUint32(0);
    const count = Math.min(asked.getUint32(4), MOST_DATAGRAMS);
    const given = numbered(asked.getUint32(8), this.udp.mostData);
    const whole = new Uint8Array(given.buffer);
    const long = request.data.length >= LONG_REQUEST_BYTES;
    const every = long ? asked.getUint32(12) : 0;
    const last = long ? whole.subarray(0, Math.max(NUMBER_BYTES, asked.getUint32(16))) : whole;
    for (let i = 0; i < count; i++) {
      given.setUint32(0, (first + i) >>> 0);
      this.counters.given++;
      this.udp.reply(request, request.destination, every > 0 && (first + i + 1) % every === 0 ? last : whole);
    }
  }

  /** Sends a stream of datagrams, each beginning with its number (32 bits, big-endian); `done` is called after the last. */
  stream(stream: UdpStream, done: () => void = () => {}): void {
    const view = numbered(stream.bytes, this.udp.mostData);
    const data = new Uint8Array(view.buffer);
    const { destination, destinationPort } = stream;
    const to = { source: this.address, sourcePort: Service.Bulk, destination, destinationPort };
    const first = this.clock.now();
    let number = 0;
    const next = () => {
      if (number === stream.count) {
        done();
        return;
      }
      view.setUint32(0, number++);
      this.udp.send(to, data);
      const due = first + (number * this.clock.frequency) / stream.rate;
      this.clock.after(Math.max(0, due - this.clock.now()), next);
    };
    next();
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** The entry of a map; undefined for a new one when there are too many. */
function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V | undefined {
  const known = map.get(key);
  if (known || map.size >= MOST_SENDERS) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/** Characters that begin with a number. */
function numbered(bytes: number, most: number): DataView {
  return new DataView(characters(Math.max(NUMBER_BYTES, Math.min(bytes, most))).buffer);
}

function mayAnswer({ broadcast, source, sourcePort }: UdpDatagram): boolean {
  return !broadcast && source !== 0 && sourcePort >= FIRST_CLIENT_PORT;
}
