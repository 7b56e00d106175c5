// Which connection a segment is for: RFC 9293, "Event Processing" (CLOSED and LISTEN STATE), "Initial Sequence Number Selection".
import type { Clock } from "../../../../platform/ports.js";
import type { Datagram, Ipv4Layer } from "../ipv4.js";
import { BROADCAST_IPV4, type Ipv4, PAYLOAD, Protocol } from "../packet.js";
import { Connection, State } from "./connection.js";
import type { Application, ConnectionPorts, End, Endpoints, TcpSettings } from "./ports.js";
import {
  emptySegment,
  Flag,
  type Header,
  headerLength,
  parseSegment,
  putSegment,
  type Segment,
  segmentLength,
} from "./segment.js";

/** Connections at a time; one more displaces the one that can best be spared. */
const MOST_CONNECTIONS = 256;
const FIRST_EPHEMERAL_PORT = 49_152;
/** Ended connections that are remembered. */
const MOST_HISTORY = 256;

/** Which connections can best be spared, the first best. */
const SPARED: readonly State[] = [State.TimeWait, State.SynReceived, State.FinWait2, State.LastAck, State.Closing];

export interface LinkRoom {
  /** Whether more data may be sent now; if not, `resume` is called later. */
  room(connection: Connection): boolean;
}

/** Makes the application for a new connection. */
export type Acceptor = (connection: { remote: Ipv4; remotePort: number }) => Application;

/** What a connection has done: cycles, bytes, counts. */
export interface ConnectionSummary extends Endpoints {
  /** How it ended; undefined while it lasts. */
  readonly how: End | undefined;
  readonly opened: number;
  /** Cycles of the first and last byte that came; -1 without. */
  readonly firstByte: number;
  readonly lastByte: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly retransmissions: number;
  readonly timeouts: number;
  readonly fastRetransmits: number;
  readonly probes: number;
  /** Smoothed round trip. */
  readonly roundTrip: number;
}

export function summary(connection: Connection, how?: End): ConnectionSummary {
  const { endpoints, sender, statistics } = connection;
  return { ...endpoints, how, ...statistics, ...sender.statistics, roundTrip: sender.roundTrip.srtt };
}

export class Tcp {
  readonly counters = {
    received: 0,
    sent: 0,
    badChecksums: 0,
    malformed: 0,
    accepted: 0,
    refused: 0,
    displaced: 0,
    resetsSent: 0,
  };
  /** Connections that have ended, the latest last. */
  readonly history: ConnectionSummary[] = [];
  private readonly listeners = new Map<number, Acceptor>();
  private readonly connections = new Map<string, Connection>();
  private readonly segment = emptySegment();
  private readonly ports: ConnectionPorts;
  private ephemeral = FIRST_EPHEMERAL_PORT;

  constructor(
    private readonly clock: Clock,
    private readonly ip: Ipv4Layer,
    private readonly address: Ipv4,
    private readonly settings: TcpSettings,
    private readonly seed: number,
    link: LinkRoom,
  ) {
    this.ports = {
      clock,
      settings,
      send: (connection, seq, offset, length, flags) => this.send(connection, seq, offset, length, flags),
      room: (connection) => link.room(connection),
      remove: (connection, how) => this.remove(connection, how),
    };
    ip.handle(Protocol.Tcp, (datagram) => this.receive(datagram));
  }

  /** Every connection there is, in the order of opening. */
  get all(): Iterable<Connection> {
    return this.connections.values();
  }

  listen(port: number, acceptor: Acceptor): void {
    this.listeners.set(port, acceptor);
  }

  /** Opens a connection; what becomes of it, the application learns. */
  connect(remote: Ipv4, remotePort: number, application: Application): Connection {
    const localPort = this.ephemeral;
    this.ephemeral = localPort === 0xffff ? FIRST_EPHEMERAL_PORT : localPort + 1;
    const connection = this.add(this.address, localPort, remote, remotePort, application, true);
    connection.call();
    return connection;
  }

  private receive(datagram: Datagram): void {
    const { counters, segment } = this;
    const { source, destination } = datagram;
    if (datagram.broadcast || source === 0 || source === BROADCAST_IPV4) return;
    const verdict = parseSegment(datagram, segment);
    if (verdict !== "good") {
      if (verdict === "malformed") counters.malformed++;
      else counters.badChecksums++;
      return;
    }
    counters.received++;
    const connection = this.connections.get(key(destination, segment.destinationPort, source, segment.sourcePort));
    if (connection && !this.succeeds(connection, segment)) {
      connection.receive(segment);
      return;
    }
    const acceptor = this.listeners.get(segment.destinationPort);
    const opens = (segment.flags & (Flag.Syn | Flag.Ack | Flag.Rst)) === Flag.Syn;
    if (acceptor && opens) this.accept(acceptor, segment, destination, source);
    else if ((segment.flags & Flag.Rst) === 0) this.reset(segment, destination, source);
  }

  /** RFC 9293, "TIME-WAIT STATE": a SYN beyond the old connection's numbers begins a new one, and ends the wait. */
  private succeeds(connection: Connection, segment: Segment): boolean {
    const opens = (segment.flags & (Flag.Syn | Flag.Ack | Flag.Rst)) === Flag.Syn;
    if (connection.state !== State.TimeWait || !opens) return false;
    if (connection.offsetOf(segment.seq) < connection.receiver.nxt) return false;
    connection.abort();
    return true;
  }

  private accept(acceptor: Acceptor, segment: Segment, local: Ipv4, remote: Ipv4): void {
    this.counters.accepted++;
    const application = acceptor({ remote, remotePort: segment.sourcePort });
    const { destinationPort, sourcePort } = segment;
    this.add(local, destinationPort, remote, sourcePort, application, false).answer(segment);
  }

  private add(
    local: Ipv4,
    localPort: number,
    remote: Ipv4,
    remotePort: number,
    application: Application,
    active: boolean,
  ): Connection {
    if (this.connections.size >= MOST_CONNECTIONS) this.displace();
    const endpoints = { local, localPort, remote, remotePort };
    const iss = this.initialSequence(local, localPort, remote, remotePort);
    const connection = new Connection(endpoints, this.ports, application, iss, active);
    this.connections.set(keyOf(connection), connection);
    return connection;
  }

  private remove(connection: Connection, how: End): void {
    this.connections.delete(keyOf(connection));
    if (this.history.length >= MOST_HISTORY) this.history.shift();
    this.history.push(summary(connection, how));
  }

  private displace(): void {
    const rank = ({ state }: Connection) => (SPARED.indexOf(state) + SPARED.length + 1) % (SPARED.length + 1);
    let worst: Connection | undefined;
    for (const one of this.connections.values()) {
      const less = worst && rank(one) - rank(worst);
      if (!worst || less! < 0 || (less === 0 && one.lastActivity < worst.lastActivity)) worst = one;
    }
    this.counters.displaced++;
    worst!.abort();
  }

  /** RFC 6528: a clock of 4 µs plus a function of the connection and a secret. */
  private initialSequence(...parts: number[]): number {
    let hash = this.seed | 0;
    for (const part of parts) {
      hash = Math.imul(hash ^ part, 0x85eb_ca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
      hash ^= hash >>> 16;
    }
    const ticks = Math.floor((this.clock.now() * 250_000) / this.clock.frequency) % 0x1_0000_0000;
    return (hash + ticks) >>> 0;
  }

  private send(connection: Connection, seq: number, offset: number, length: number, flags: number): void {
    const { local, localPort, remote, remotePort } = connection.endpoints;
    const header: Header = {
      source: local,
      sourcePort: localPort,
      destination: remote,
      destinationPort: remotePort,
      seq,
      ack: (flags & Flag.Ack) !== 0 ? connection.acknowledgmentNumber : 0,
      flags,
      window: connection.windowField((flags & Flag.Syn) !== 0),
      mss: this.settings.mss,
      scale: connection.scaleOption,
    };
    if ((flags & Flag.Rst) !== 0) this.counters.resetsSent++;
    const packet = this.ip.packet();
    const at = PAYLOAD + headerLength(header);
    if (length > 0) connection.sender.queue.read(offset, packet.bytes.subarray(at, at + length));
    this.emit(packet, header, length);
  }

  private emit(packet: ReturnType<Ipv4Layer["packet"]>, header: Header, length: number): void {
    this.counters.sent++;
    const bytes = putSegment(packet.bytes, header, length);
    this.ip.send(packet, bytes, Protocol.Tcp, header.source, header.destination);
  }

  /** "CLOSED STATE": answers a segment for no connection. */
  private reset(segment: Segment, local: Ipv4, remote: Ipv4): void {
    this.counters.refused++;
    this.counters.resetsSent++;
    const acknowledges = (segment.flags & Flag.Ack) !== 0;
    this.emit(
      this.ip.packet(),
      {
        source: local,
        sourcePort: segment.destinationPort,
        destination: remote,
        destinationPort: segment.sourcePort,
        seq: acknowledges ? segment.ack : 0,
        ack: acknowledges ? 0 : (segment.seq + segmentLength(segment)) >>> 0,
        flags: acknowledges ? Flag.Rst : Flag.Rst | Flag.Ack,
        window: 0,
        mss: 0,
        scale: -1,
      },
      0,
    );
  }
}

function key(local: Ipv4, localPort: number, remote: Ipv4, remotePort: number): string {
  return `${local}:${localPort} ${remote}:${remotePort}`;
}

function keyOf({ endpoints }: Connection): string {
  return key(endpoints.local, endpoints.localPort, endpoints.remote, endpoints.remotePort);
}
