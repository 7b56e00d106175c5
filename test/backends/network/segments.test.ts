// RFC 9293, "Event Processing", and RFC 5961: segment by segment, with a guest made by hand.
import { expect, test } from "vitest";
import { buildNetwork } from "../../../src/backends/network/index.js";
import { get16, get32, PAYLOAD, put16, put32, putEthernet } from "../../../src/backends/network/peer/packet.js";
import { checksum, EtherType, IPV4_HEADER, sum16 } from "../../../src/backends/network/peer/packet.js";
import { Flag, putSegment, TCP_HEADER } from "../../../src/backends/network/peer/tcp/segment.js";
import { FREQUENCY, GUEST, GUEST_MAC, MILLISECOND, PEER, VirtualTime } from "../../support/network.js";

const PEER_MAC = 0x5254_0012_3502;
const [FIN, SYN, RST, PSH, ACK] = [Flag.Fin, Flag.Syn, Flag.Rst, Flag.Psh, Flag.Ack];
const ISS = 0xffff_fff0;

/** A guest's end of the link where segments are made one by one; sequence numbers are offsets from both initial ones. */
function guest(port: number) {
  const time = new VirtualTime();
  const net = buildNetwork({ files: { "/x": new Uint8Array(50_000).fill(120) } }, time.clock);
  let answers: string[] = [];
  let theirs = 0;
  const receive = (frame: Uint8Array) => {
    if (get16(frame, 12) !== EtherType.Ipv4) return;
    const flags = frame[PAYLOAD + 13];
    if ((flags & SYN) !== 0) theirs = get32(frame, PAYLOAD + 4);
    const names = ["FIN", "SYN", "RST", "PSH", "ACK"].filter((_, n) => (flags & (1 << n)) !== 0).join(",");
    const length = get16(frame, 16) - IPV4_HEADER - (frame[PAYLOAD + 12] >> 4) * 4;
    const seq = (get32(frame, PAYLOAD + 4) - theirs) | 0;
    const ack = (flags & ACK) !== 0 ? ` ack ${(get32(frame, PAYLOAD + 8) - ISS) | 0}` : "";
    answers.push(`${names} seq ${seq}${ack}${length > 0 ? ` length ${length}` : ""}`);
  };
  net.link.attach({ receive, linkChanged: () => {} });
  const send =
    (flags: number, seq: number, ack: number, data = "", options: { window?: number; scale?: number } = {}) =>
    () => {
      const bytes = new Uint8Array(1514);
      bytes.set(new TextEncoder().encode(data), PAYLOAD + TCP_HEADER + ((flags & SYN) !== 0 ? 8 : 0));
      const from = { source: GUEST, sourcePort: 5000, destination: PEER, destinationPort: port };
      const { window = 65_535, scale = -1 } = options;
      const numbers = { seq: (ISS + seq) >>> 0, ack: (theirs + ack) >>> 0, flags, window, mss: 1000, scale };
      const length = IPV4_HEADER + putSegment(bytes, { ...from, ...numbers }, data.length);
      putEthernet(bytes, PEER_MAC, GUEST_MAC, EtherType.Ipv4);
      put32(bytes, 14, 0x4500_0000 + length);
      put32(bytes, 22, 0x4006_0000);
      put32(bytes, 26, GUEST);
      put32(bytes, 30, PEER);
      put16(bytes, 24, checksum(sum16(bytes, 14, 34)));
      net.link.send(bytes.subarray(0, 14 + length), () => {});
    };
  /** What comes back within a time (10 ms) after segments were sent one behind the other. */
  const exchange = (...segments: (() => void)[]) => {
    answers = [];
    for (const segment of segments) {
      segment();
      time.run(MILLISECOND / 10);
    }
    time.run(10 * MILLISECOND);
    return answers;
  };
  // ARP once, by asking
  const request = new Uint8Array(60);
  putEthernet(request, PEER_MAC, GUEST_MAC, EtherType.Arp);
  put32(request, 14, 0x1_0800);
  put32(request, 18, 0x0604_0001);
  request.set([0x52, 0x54, 0, 0x12, 0x34, 0x56], 22);
  put32(request, 28, GUEST);
  put32(request, 38, PEER);
  exchange(() => net.link.send(request, () => {}));
  const connection = () => [...net.peer.host.tcp.all][0];
  const open = () => exchange(send(SYN, 0, 0), send(ACK, 1, 1));
  return { time, net, send, exchange, open, connection };
}

test("a handshake, across the wrap of sequence numbers; data are acknowledged late, every second segment at once", () => {
  const { send, exchange, open, time } = guest(9);
  expect(open()).toEqual(["SYN,ACK seq 0 ack 1"]);
  expect(exchange(send(PSH | ACK, 1, 1, "a".repeat(1000)))).toEqual([]);
  expect(exchange(() => time.run(40 * MILLISECOND))).toEqual(["ACK seq 1 ack 1001"]);
  expect(exchange(send(ACK, 1001, 1, "a".repeat(1000)), send(ACK, 2001, 1, "a".repeat(1000)))).toEqual([
    "ACK seq 1 ack 3001",
  ]);
});

test("a SYN that comes again is answered again; a wrong acknowledgment of ours is reset ('SYN-RECEIVED STATE')", () => {
  const { send, exchange } = guest(9);
  expect(exchange(send(SYN, 0, 0), send(SYN, 0, 0))).toEqual(["SYN,ACK seq 0 ack 1", "SYN,ACK seq 0 ack 1"]);
  expect(exchange(send(ACK, 1, 77))).toEqual(["RST seq 77"]);
});

test("what lies behind a gap is kept, and duplicates acknowledged at once ('SEGMENT ARRIVES', seventh)", () => {
  const { send, exchange, open } = guest(7);
  open();
  expect(exchange(send(ACK, 4, 1, "def"), send(ACK, 10, 1, "jkl"), send(ACK, 7, 1, "ghi"))).toEqual([
    "ACK seq 1 ack 1",
    "ACK seq 1 ack 1",
    "ACK seq 1 ack 1",
  ]);
  expect(exchange(send(ACK, 1, 1, "abcde"))).toEqual(["PSH,ACK seq 1 ack 13 length 12"]);
  expect(exchange(send(ACK, 1, 13, "abc"))).toEqual(["ACK seq 13 ack 13"]);
});

test("a reset counts at exactly the next number; elsewhere in the window it is challenged, outside ignored (RFC 5961, 3.2)", () => {
  const { send, exchange, open, connection } = guest(9);
  open();
  expect(exchange(send(RST, 2, 0))).toEqual(["ACK seq 1 ack 1"]);
  expect(exchange(send(RST, -5, 0), send(RST, 400_000, 0))).toEqual([]);
  expect(connection().state).toBe("ESTABLISHED");
  expect(exchange(send(RST, 1, 0))).toEqual([]);
  expect(connection()).toBe(undefined);
});

test("a SYN in a connection, and an acknowledgment of what wasn't sent, are challenged (RFC 5961, 4.2 and 5.2)", () => {
  const { send, exchange, open, connection } = guest(9);
  open();
  expect(exchange(send(SYN, 5, 0))).toEqual(["ACK seq 1 ack 1"]);
  expect(exchange(send(ACK, 1, 1000))).toEqual(["ACK seq 1 ack 1"]);
  expect(connection().state).toBe("ESTABLISHED");
});

test("challenges are throttled, so that two hosts can't answer each other for ever", () => {
  const { send, exchange, open } = guest(9);
  open();
  expect(exchange(...Array.from({ length: 50 }, () => send(ACK, -100, 1))).length).toBe(1);
});

test("a FIN before the data that it follows waits for them; both sides close ('SEGMENT ARRIVES', eighth)", () => {
  const { send, exchange, open, connection, net } = guest(7);
  open();
  expect(exchange(send(FIN | ACK, 4, 1, "def"))).toEqual(["ACK seq 1 ack 1"]);
  expect(exchange(send(ACK, 1, 1, "abc"))).toEqual(["FIN,PSH,ACK seq 1 ack 8 length 6"]);
  expect(connection().state).toBe("LAST-ACK");
  expect(exchange(send(ACK, 8, 8))).toEqual([]);
  expect(connection()).toBe(undefined);
  expect(net.peer.host.tcp.history[0]).toMatchObject({ how: "finished", bytesIn: 6, bytesOut: 6 });
});

test("no more is sent than the peer's window takes, scaled only if both scale (RFC 7323, 'Window Scale Option')", () => {
  const sent = (scale: number, window: number) => {
    const { send, exchange } = guest(80);
    exchange(send(SYN, 0, 0, "", { scale, window: 0 }), send(ACK, 1, 1, "", { window }));
    const answers = exchange(send(ACK, 1, 1, "GET /x HTTP/1.0\r\n\r\n", { window }));
    return answers.reduce((sum, line) => sum + Number(/length (\d+)/.exec(line)?.[1] ?? 0), 0);
  };
  expect(sent(-1, 2000)).toBe(2000);
  expect(sent(0, 3000)).toBe(3000);
  // ten segments of the guest's MSS: RFC 6928's initial window
  expect(sent(3, 3000)).toBe(10_000);
});

test("a wrong checksum is counted and the segment dropped ('Checksum')", () => {
  const { time, net, send, open } = guest(9);
  open();
  const captured: Uint8Array[] = [];
  net.observe((frame, outgoing) => outgoing && captured.push(frame.slice()));
  send(ACK, 1, 1, "abc")();
  time.run(MILLISECOND);
  captured[0][54] ^= 1;
  net.link.send(captured[0], () => {});
  time.run(FREQUENCY);
  expect(net.peer.host.tcp.counters.badChecksums).toBe(1);
});
