// What stands above and below a connection.
import type { Clock } from "../../../../platform/ports.js";
import type { Ipv4 } from "../packet.js";
import type { Connection } from "./connection.js";

/** How a connection ended. */
export type End = "finished" | "reset" | "refused" | "timeout" | "aborted";

/** The application on a connection. */
export interface Application {
  established?(connection: Connection): void;
  /** There are bytes to read, or the peer has sent its last (`ended`). */
  readable?(connection: Connection): void;
  /** Bytes that were written have been acknowledged. */
  writable?(connection: Connection): void;
  closed?(connection: Connection, how: End): void;
}

export interface Endpoints {
  readonly local: Ipv4;
  readonly localPort: number;
  readonly remote: Ipv4;
  readonly remotePort: number;
}

export interface TcpSettings {
  /** Bytes of our largest segment's data. */
  readonly mss: number;
  /** Bytes of a connection's receive buffer, at most 2^30. */
  readonly receiveBuffer: number;
  /** Seconds that a segment may live; a connection stays in TIME-WAIT for twice as long. */
  readonly segmentLifetime: number;
}

/** What a connection asks of those below. */
export interface ConnectionPorts {
  readonly clock: Clock;
  readonly settings: TcpSettings;
  /** Sends `length` bytes of the queue from `offset` on, or none. */
  send(connection: Connection, seq: number, offset: number, length: number, flags: number): void;
  /** Whether the link takes more data now; if not, `resume` is called later. */
  room(connection: Connection): boolean;
  remove(connection: Connection, how: End): void;
}
