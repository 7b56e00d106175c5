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
}

/** Datagrams that one request to the source brings at most. */
const MOST_DATAGRAMS = 1024;
/** A request to the source: number of the first datagram, how many, bytes of each; 32 bits, big-endian. */
const REQUEST_BYTES = 12;

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

  constructor(
    private readonly clock: Clock,
    private readonly udp: Udp,
    private readonly address: Ipv4,
  ) {
    udp.bind(Service.Echo, (datagram) => {
      if (!mayAnswer(datagram)) return;
      this.counters.echoes++;
      udp.reply(datagram, datagram.destination, datagram.data);
    });
    udp.bind(Service.CharacterGenerator, (datagram) => {
      if (!mayAnswer(datagram)) return;
      this.counters.generated++;
      udp.reply(datagram, datagram.destination, characters(512));
    });
    const discard = ({ data }: UdpDatagram) => {
      this.counters.discardedDatagrams++;
      this.counters.discardedBytes += data.length;
    };
    udp.bind(Service.Discard, discard);
    udp.bind(Service.Bulk, discard);
    udp.bind(Service.Source, (datagram) => {
      if (mayAnswer(datagram) && datagram.data.length >= REQUEST_BYTES) this.give(datagram);
    });
  }

  /** Datagrams as `stream` sends them, all at once. */
  private give(request: UdpDatagram): void {
    const { data } = request;
    const asked = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const first = asked.getUint32(0);
    const count = Math.min(asked.getUint32(4), MOST_DATAGRAMS);
    const given = numbered(asked.getUint32(8), this.udp.mostData);
    for (let i = 0; i < count; i++) {
      given.setUint32(0, (first + i) >>> 0);
      this.counters.given++;
      this.udp.reply(request, request.destination, new Uint8Array(given.buffer));
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

/** Characters that begin with a number. */
function numbered(bytes: number, most: number): DataView {
  return new DataView(characters(Math.max(4, Math.min(bytes, most))).buffer);
}

function mayAnswer({ broadcast, source, sourcePort }: UdpDatagram): boolean {
  return !broadcast && source !== 0 && sourcePort >= FIRST_CLIENT_PORT;
}
