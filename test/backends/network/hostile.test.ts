// A guest sends what it likes: the peer throws nothing, stays bounded, comes to rest, and serves on.
import fc from "fast-check";
import { expect, test } from "vitest";
import { buildNetwork, generatedSource } from "../../../src/backends/network/index.js";
import { Random } from "../../../src/backends/network/random.js";
import { checksum, put16, sum16 } from "../../../src/backends/network/peer/packet.js";
import { call, drain } from "../../../src/backends/network/peer/tcp-services.js";
import type { Link } from "../../../src/platform/ports.js";
import { FREQUENCY, guestHost, MILLISECOND, network, PEER, VirtualTime } from "../../support/network.js";

/** Frames of honest traffic, of both directions. */
function honest(): Uint8Array[] {
  const { time, net, guest, peer } = network({ dns: { peer: "10.0.2.2" }, files: { "/x": new Uint8Array(5000) } });
  const frames: Uint8Array[] = [];
  net.observe((frame) => frames.push(frame.slice()));
  guest.icmp.ping(PEER, 56, FREQUENCY, () => {});
  for (const port of [7, 19, 53, 67, 999]) {
    guest.udp.send(
      { source: guest.address, sourcePort: 5000, destination: PEER, destinationPort: port },
      new Uint8Array(244).fill(1),
    );
  }
  for (const port of [7, 9, 80, 1]) {
    const connection = guest.tcp.connect(PEER, port, { readable: (c) => c.read() });
    connection.write(new TextEncoder().encode("GET /x HTTP/1.1\r\n\r\n".repeat(20)));
    connection.end();
  }
  call(peer.host.tcp, { destination: guest.address, destinationPort: 9, send: generatedSource(10, 1) });
  time.run(FREQUENCY);
  return frames;
}

/** Makes IPv4 and transport checksums right again, so that what is behind them is reached. */
function repair(frame: Uint8Array): void {
  if (frame.length < 34 || frame[12] !== 8 || frame[13] !== 0) return;
  const start = 14 + (frame[14] & 15) * 4;
  const end = Math.min(frame.length, 14 + ((frame[16] << 8) | frame[17]));
  const at = { 1: 2, 6: 16, 17: 6 }[frame[23]];
  if (at !== undefined && start + at + 2 <= end) {
    put16(frame, start + at, 0);
    const pseudo = frame[23] === 1 ? 0 : sum16(frame, 26, 34) + frame[23] + end - start;
    put16(frame, start + at, checksum(sum16(frame, start, end, pseudo)));
  }
  put16(frame, 24, 0);
  put16(frame, 24, checksum(sum16(frame, 14, Math.min(start, frame.length))));
}

/** Sends frames to a fresh peer, lets it come to rest, and shows that it still serves. */
function attack(frames: Iterable<Uint8Array>): void {
  const time = new VirtualTime();
  const net = buildNetwork({ dns: { peer: "10.0.2.2" }, files: { "/x": new Uint8Array(5000) } }, time.clock);
  let answers = 0;
  // the guest has every address that the peer asks for
  const receive = (frame: Uint8Array) => {
    answers++;
    if (frame[13] !== 6 || frame[21] !== 1) return;
    const reply = new Uint8Array(60);
    reply.set([...frame.subarray(6, 12), 2, 0, 0, 0, 0, 1, ...frame.subarray(12, 20), 0, 2]);
    reply.set([2, 0, 0, 0, 0, 1, ...frame.subarray(38, 42), ...frame.subarray(22, 32)], 22);
    net.link.send(reply, () => {});
  };
  net.link.attach({ receive, linkChanged: () => {} });
  let sent = 0;
  for (const frame of frames) {
    net.link.send(frame, () => {});
    time.run(MILLISECOND / 20);
    sent++;
  }
  expect([...net.peer.host.tcp.all].length).toBeLessThanOrEqual(256);
  time.run(4000 * FREQUENCY);
  // retries, probes and the like are bounded
  expect(answers).toBeLessThan(200 * (sent + 10));
  let served = false;
  net.peer.host.udp.bind(4444, () => {
    served = true;
  });
  const others = network();
  others.guest.udp.send(
    { source: others.guest.address, sourcePort: 5000, destination: PEER, destinationPort: 4444 },
    new Uint8Array(1),
  );
  others.net.observe((frame, outgoing) => outgoing && net.link.send(frame, () => {}));
  others.time.run(MILLISECOND);
  time.run(MILLISECOND);
  expect(served).toBe(true);
}

test("random bytes", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 50 }), (frames) => attack(frames)),
    { seed: 1, numRuns: 20 },
  );
});

test("honest frames with some bytes changed and their checksums made right", () => {
  const frames = honest().filter((frame) => frame[5] === 2);
  const mutation = fc.record({
    pick: fc.nat(frames.length - 1),
    changes: fc.array(fc.tuple(fc.nat(120), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
    cut: fc.option(fc.nat(200), { freq: 1 }),
  });
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 20, maxLength: 200 }), (mutations) => {
      attack(
        mutations.map(({ pick, changes, cut }) => {
          const frame = frames[pick].slice(0, cut === null ? undefined : cut + 14);
          for (const [at, value] of changes) if (at + 14 < frame.length) frame[at + 14] = value;
          repair(frame);
          return frame;
        }),
      );
    }),
    { seed: 2, numRuns: 30 },
  );
});

/** A link that changes, doubles, holds back and loses some of the frames that are sent. */
function twisted(link: Link, seed: number): Link {
  const random = new Random(seed);
  const held: Uint8Array[] = [];
  const twist = (frame: Uint8Array) => {
    const other = frame.slice();
    for (let n = random.next() % 3; n >= 0; n--) other[14 + (random.next() % (frame.length - 14))] = random.next();
    // what TCP thinks and talks with is worth more attempts
    if (random.chance(0.5)) other[34 + (random.next() % 20)] = random.next();
    if (random.chance(0.9)) repair(other);
    return other;
  };
  return {
    up: true,
    speed: link.speed,
    attach: (receiver) => link.attach(receiver),
    send: (frame, sent) => {
      if (random.chance(0.1)) link.send(twist(frame), () => {});
      if (random.chance(0.05)) held.push(frame.slice());
      if (held.length > 10 || random.chance(0.05)) for (const one of held.splice(0)) link.send(one, () => {});
      if (random.chance(0.02)) link.send(new Uint8Array(60), sent);
      else link.send(random.chance(0.05) ? twist(frame) : frame, sent);
    },
  };
}

test.each([1, 2, 3, 4, 5, 6])("conversations in which frames are changed, doubled, held back and lost (%d)", (seed) => {
  const time = new VirtualTime();
  const net = buildNetwork({ files: { "/x": { bytes: 300_000 } } }, time.clock);
  const guest = guestHost(twisted(net.link, seed), time.clock);
  const random = new Random(seed);
  guest.tcp.listen(99, () => ({ readable: (c) => drain(c) }));
  const talk = (left: number) => {
    if (left === 0) return;
    const source = generatedSource(random.next() % 100_000, seed);
    call(guest.tcp, { destination: PEER, destinationPort: [7, 9][random.next() & 1], send: source });
    const get = guest.tcp.connect(PEER, 80, { readable: (c) => drain(c) });
    get.write(new TextEncoder().encode("GET /x HTTP/1.1\r\n\r\n".repeat(3)));
    call(net.peer.host.tcp, { destination: guest.address, destinationPort: 99, send: source });
    time.clock.after(random.next() % FREQUENCY, () => talk(left - 1));
  };
  talk(20);
  time.run(30 * FREQUENCY);
  const { counters, history, all } = net.peer.host.tcp;
  expect(counters.received).toBeGreaterThan(1000);
  expect(counters.badChecksums).toBeGreaterThan(0);
  expect(history.length).toBeGreaterThan(0);
  for (const connection of [...guest.tcp.all, ...all]) connection.abort();
  time.run(4000 * FREQUENCY);
  expect([...guest.tcp.all, ...all].length).toBe(0);
  expect(time.clock.next()).toBe(Infinity);
});

test("a flood of SYNs and segments from everywhere", () => {
  const random = new Random(9);
  const syn = honest().find((frame) => frame[5] === 2 && frame[23] === 6 && frame[47] === 2)!;
  const frames = Array.from({ length: 3000 }, () => {
    const frame = syn.slice();
    put16(frame, 34, random.next() & 0xffff);
    frame[29] = random.next();
    if (random.chance(0.5)) frame[47] = random.next();
    if (random.chance(0.5)) put16(frame, 36, [7, 9, 19, 80][random.next() & 3]);
    repair(frame);
    return frame;
  });
  attack(frames);
});
