// Small services over TCP: RFC 862 (echo), RFC 863 (discard), RFC 864 (character generator); sinks and sources for bulk.
import { type ByteSource, repeated } from "../content.js";
import type { Ipv4 } from "./packet.js";
import type { Connection } from "./tcp/connection.js";
import type { Application, End } from "./tcp/ports.js";
import type { Tcp } from "./tcp/tcp.js";
import { characters, Service } from "./udp-services.js";

/** Bytes that an echo may owe before it stops reading. */
const MOST_ECHO = 0x1_0000;
const ECHO_PIECE = 4096;
/** After so many bytes the lines of RFC 864 begin again: 95 lines of 74. */
const PERIOD = 95 * 74;

/** Reads everything, and ends when the peer does. `take` gets the bytes, valid only during the call. */
export function drain(connection: Connection, take: (bytes: Uint8Array) => void = () => {}): void {
  for (let bytes = connection.read(); bytes.length > 0; bytes = connection.read()) take(bytes);
  if (connection.ended) connection.end();
}

function echo(connection: Connection): void {
  while (connection.unacknowledged < MOST_ECHO && connection.readable > 0) {
    connection.write(connection.read(ECHO_PIECE).slice());
  }
  if (connection.ended && connection.readable === 0) connection.end();
}

const ECHO: Application = { readable: echo, writable: echo };
const DISCARD: Application = { readable: (connection) => drain(connection) };
const GENERATOR: Application = {
  established: (connection) => connection.write(repeated(characters(PERIOD))),
  readable: (connection) => {
    while (connection.read().length > 0);
  },
};

export function serveTcp(tcp: Tcp): void {
  tcp.listen(Service.Echo, () => ECHO);
  tcp.listen(Service.Discard, () => DISCARD);
  tcp.listen(Service.Bulk, () => DISCARD);
  tcp.listen(Service.CharacterGenerator, () => GENERATOR);
}

export interface Call {
  readonly destination: Ipv4;
  readonly destinationPort: number;
  /** What to send, before our side ends; nothing if left out. */
  readonly send?: ByteSource;
  /** Gets what comes, valid only during the call. */
  readonly received?: (bytes: Uint8Array) => void;
  readonly closed?: (how: End) => void;
}

/** Calls a server in a guest (as `nc -l`), sends, receives until it ends. */
export function call(tcp: Tcp, { destination, destinationPort, send, received, closed }: Call): Connection {
  return tcp.connect(destination, destinationPort, {
    established: (connection) => {
      if (!send) return;
      connection.write(send);
      connection.end();
    },
    readable: (connection) => drain(connection, received),
    closed: (_, how) => closed?.(how),
  });
}
