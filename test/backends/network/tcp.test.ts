// RFC 9293: two hosts talk over a wire in virtual time.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { type ByteSource, generatedSource, type NetworkConfig } from "../../../src/backends/network/index.js";
import type { Host } from "../../../src/backends/network/peer/host.js";
import { type Connection, State } from "../../../src/backends/network/peer/tcp/connection.js";
import type { Application, End } from "../../../src/backends/network/peer/tcp/ports.js";
import { call, drain } from "../../../src/backends/network/peer/tcp-services.js";
import { FREQUENCY, GUEST, MILLISECOND, network, PEER } from "../../support/network.js";

function whole(source: ByteSource): string {
  const bytes = new Uint8Array(source.length);
  source.read(0, bytes);
  return createHash("sha256").update(bytes).digest("hex");
}

/** A listener at port 4000 that sends a source, ends, and takes the digest of what it gets. */
function exchange(host: Host, send: ByteSource) {
  const hash = createHash("sha256");
  const state = { closed: undefined as End | undefined, digest: "" };
  const application: Application = {
    established: (connection) => {
      connection.write(send);
      connection.end();
    },
    readable: (connection) => drain(connection, (bytes) => hash.update(bytes)),
    closed: (_, how) => {
      state.closed = how;
      state.digest = hash.digest("hex");
    },
  };
  host.tcp.listen(4000, () => application);
  return state;
}

/** Both sides send a source to the other at the same time; the guest calls. */
function bothWays(config: NetworkConfig, bytes: number) {
  const world = network(config);
  const { time, peer, guest } = world;
  const [up, down] = [generatedSource(bytes, 1), generatedSource(bytes, 2)];
  const server = exchange(peer.host, down);
  const hash = createHash("sha256");
  let ended: End | undefined;
  const connection = call(guest.tcp, {
    destination: PEER,
    destinationPort: 4000,
    send: up,
    received: (piece) => hash.update(piece),
    closed: (how) => {
      ended = how;
    },
  });
  const cycles = time.runUntil(
    () => server.closed !== undefined && (ended !== undefined || connection.state === State.TimeWait),
    3000 * FREQUENCY,
  );
  time.run(61 * FREQUENCY);
  expect(server.digest).toBe(whole(up));
  expect(hash.digest("hex")).toBe(whole(down));
  return { ...world, cycles, server, how: [server.closed, ended], connection };
}

test.each([0, 0.01, 0.05])("bulk both ways with a loss of %d arrives to the byte", (loss) => {
  const { how, net, guest, peer } = bothWays({ loss, seed: 5 }, 2_000_000);
  expect(how).toEqual(["finished", "finished"]);
  expect(net.wire.a.counters.lostFrames > 0).toBe(loss > 0);
  expect([...guest.tcp.all, ...peer.host.tcp.all]).toEqual([]);
});

test("without loss nothing is sent twice", () => {
  const { connection, peer } = bothWays({}, 2_000_000);
  expect(connection.sender.statistics).toEqual({ retransmissions: 0, timeouts: 0, fastRetransmits: 0, probes: 0 });
  expect(peer.host.tcp.history[0]).toMatchObject({
    how: "finished",
    bytesIn: 2_000_000,
    bytesOut: 2_000_000,
    retransmissions: 0,
  });
});

test("a transfer fills the wire: 1460 of 1538 byte times are data", () => {
  const bytes = 8_000_000;
  const { time, guest, peer } = network();
  const connection = call(guest.tcp, { destination: PEER, destinationPort: 5001, send: generatedSource(bytes, 1) });
  const cycles = time.runUntil(() => connection.state === State.TimeWait, FREQUENCY);
  const line = (bytes * 8 * 1538) / 1460 / 1e9;
  expect(cycles / FREQUENCY / line).toBeLessThan(1.01);
  time.run(61 * FREQUENCY);
  expect(peer.host.tcp.history[0].bytesIn).toBe(bytes);
});

test("two transfers share the wire fairly", () => {
  const { time, guest, peer } = network();
  const send = () => generatedSource(Infinity, 1);
  const connections = [0, 1].map(() => call(guest.tcp, { destination: PEER, destinationPort: 9, send: send() }));
  time.run(FREQUENCY / 10);
  const [one, other] = [...peer.host.tcp.all].map((connection) => connection.statistics.bytesIn);
  expect(one / other).toBeGreaterThan(0.9);
  expect(one / other).toBeLessThan(1.1);
  for (const connection of connections) connection.abort();
});

test("one lost segment comes again by fast retransmit, without a timeout (RFC 5681, 'Fast Retransmit/Fast Recovery')", () => {
  const { time, net, guest } = network();
  const connection = call(guest.tcp, { destination: PEER, destinationPort: 9, send: generatedSource(1_000_000, 1) });
  // the wire to the peer, without one frame
  const receiver = net.wire.b.receiver;
  let frames = 0;
  net.wire.b.attach({
    ...receiver,
    receive: (frame) => frames++ !== 50 && receiver.receive(frame),
    linkChanged: () => {},
  });
  const cycles = time.runUntil(() => connection.state === State.TimeWait, FREQUENCY);
  expect(connection.sender.statistics).toMatchObject({ retransmissions: 1, timeouts: 0, fastRetransmits: 1 });
  expect(cycles).toBeLessThan(FREQUENCY / 10);
});

test("a lost last segment comes again after the retransmission timeout (RFC 6298, 'Managing the RTO Timer')", () => {
  const { time, net, guest } = network();
  const connection = guest.tcp.connect(PEER, 9, {});
  time.run(MILLISECOND);
  net.wire.setUp(false);
  connection.write(new Uint8Array(100));
  time.run(MILLISECOND);
  net.wire.setUp(true);
  const cycles = time.runUntil(() => connection.unacknowledged === 0, 10 * FREQUENCY);
  expect(cycles).toBeGreaterThan(198 * MILLISECOND);
  expect(cycles).toBeLessThan(250 * MILLISECOND);
  expect(connection.sender.statistics.timeouts).toBe(1);
});

test("a peer that has vanished is given up after the last retry", () => {
  const { time, net, guest } = network();
  let how: End | undefined;
  const connection = guest.tcp.connect(PEER, 9, {
    closed: (_, end) => {
      how = end;
    },
  });
  time.run(MILLISECOND);
  connection.write(new Uint8Array(100));
  net.wire.setUp(false);
  time.run(3600 * FREQUENCY);
  expect(how).toBe("timeout");
});

test("a reader that doesn't read closes the window; probes find it open again (RFC 9293, 'Zero-Window Probing')", () => {
  const { time, guest, peer } = network();
  let reader: Connection | undefined;
  peer.host.tcp.listen(4000, () => ({
    established: (connection) => {
      reader = connection;
    },
  }));
  const bytes = 1_000_000;
  const connection = guest.tcp.connect(PEER, 4000, {});
  connection.write(generatedSource(bytes, 1));
  time.run(10 * FREQUENCY);
  expect(reader!.readable).toBe(0x4_0000);
  expect(connection.sender.window).toBe(0);
  expect(connection.sender.statistics.probes).toBeGreaterThan(3);
  expect(connection.sender.statistics.timeouts).toBe(0);
  time.run(7200 * FREQUENCY);
  const hash = createHash("sha256");
  let got = 0;
  const read = () => {
    const piece = reader!.read(5000);
    hash.update(piece);
    got += piece.length;
    time.clock.after(MILLISECOND / 10, read);
  };
  read();
  time.runUntil(() => got === bytes, 10 * FREQUENCY);
  expect(hash.digest("hex")).toBe(whole(generatedSource(bytes, 1)));
});

test("a window update that is lost is made up for by a probe", () => {
  const { time, net, guest, peer } = network();
  let reader: Connection | undefined;
  peer.host.tcp.listen(4000, () => ({
    established: (connection) => {
      reader = connection;
    },
  }));
  const connection = guest.tcp.connect(PEER, 4000, {});
  const bytes = 0x4_0000 + 1000;
  connection.write(generatedSource(bytes, 1));
  time.run(FREQUENCY);
  expect(connection.sender.window).toBe(0);
  net.wire.setUp(false);
  while (reader!.read().length > 0);
  time.run(MILLISECOND);
  net.wire.setUp(true);
  time.run(2 * FREQUENCY);
  expect(reader!.statistics.bytesIn).toBe(bytes);
  expect(connection.unacknowledged).toBe(0);
});

test("a port where nobody listens refuses (RFC 9293, 'CLOSED STATE')", () => {
  const { time, guest } = network();
  let how: End | undefined;
  guest.tcp.connect(PEER, 4321, {
    closed: (_, end) => {
      how = end;
    },
  });
  time.run(MILLISECOND);
  expect(how).toBe("refused");
});

test("an aborted connection is reset at the other side (RFC 9293, 'RESET Processing')", () => {
  const { time, guest, peer } = network();
  const connection = guest.tcp.connect(PEER, 9, {});
  time.run(MILLISECOND);
  connection.abort();
  time.run(MILLISECOND);
  expect(peer.host.tcp.history[0].how).toBe("reset");
});

test("both call each other at the same time and have one connection (RFC 9293, figure 'Simultaneous Connection Synchronization')", () => {
  const { time, guest, peer } = network();
  guest.icmp.ping(PEER, 0, FREQUENCY, () => {});
  time.run(MILLISECOND);
  const one = guest.tcp.connect(PEER, 49_152, {});
  const other = peer.host.tcp.connect(GUEST, 49_152, {});
  time.run(FREQUENCY);
  expect([one.state, other.state]).toEqual([State.Established, State.Established]);
  one.end();
  other.end();
  time.run(MILLISECOND);
  expect([one.state, other.state]).toEqual([State.TimeWait, State.TimeWait]);
});

test("the side that ends first waits in TIME-WAIT, and a new call from the same port ends that (RFC 9293, 'TIME-WAIT STATE')", () => {
  const { time, guest, peer } = network();
  guest.tcp.listen(4000, () => ({ established: (connection) => connection.end(), readable: (c) => drain(c) }));
  const first = peer.host.tcp.connect(GUEST, 4000, { readable: (c) => drain(c) });
  time.run(MILLISECOND);
  expect([...guest.tcp.all].map((c) => c.state)).toEqual([State.TimeWait]);
  expect(first.state).toBe(State.Closed);
  time.run(59 * FREQUENCY);
  expect([...guest.tcp.all].length).toBe(1);
  time.run(2 * FREQUENCY);
  expect([...guest.tcp.all].length).toBe(0);
});

test("the echo gives back what it gets, however slowly it is read (RFC 862)", () => {
  const { time, guest } = network();
  const bytes = 500_000;
  const hash = createHash("sha256");
  let how: End | undefined;
  const connection = call(guest.tcp, {
    destination: PEER,
    destinationPort: 7,
    send: generatedSource(bytes, 3),
    received: (piece) => hash.update(piece),
    closed: (end) => {
      how = end;
    },
  });
  time.run(100 * FREQUENCY);
  expect(how).toBe("finished");
  expect(connection.statistics).toMatchObject({ bytesIn: bytes, bytesOut: bytes });
  expect(hash.digest("hex")).toBe(whole(generatedSource(bytes, 3)));
});

test("no segment is longer than the path's MTU (RFC 9293, 'Maximum Segment Size Option')", () => {
  const { time, guest, net } = network({ mtu: 576 });
  const lengths = new Set<number>();
  net.observe((frame) => lengths.add(frame.length));
  const connection = call(guest.tcp, { destination: PEER, destinationPort: 9, send: generatedSource(100_000, 1) });
  time.runUntil(() => connection.state === State.TimeWait, FREQUENCY);
  expect(Math.max(...lengths)).toBe(14 + 576);
});
