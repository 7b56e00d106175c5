// IEEE 802.3, "Media Access Control frame and packet specifications": what a frame costs on the wire.
import { expect, test } from "vitest";
import { Wire, type WireParameters } from "../../../src/backends/network/wire.js";
import { FREQUENCY, VirtualTime } from "../../support/network.js";

function link(parameters: Partial<WireParameters> = {}) {
  const time = new VirtualTime();
  const wire = new Wire(time.clock, parameters);
  const arrived: { length: number; first: number; cycle: number }[] = [];
  const changes: string[] = [];
  wire.a.attach({ receive: () => {}, linkChanged: (up) => changes.push(`a ${up}`) });
  wire.b.attach({
    receive: (frame) => arrived.push({ length: frame.length, first: frame[0], cycle: time.clock.now() }),
    linkChanged: (up) => changes.push(`b ${up}`),
  });
  return { time, wire, arrived, changes };
}

const cycles = (ns: number) => (ns * FREQUENCY) / 1e9;
const frame = (length: number, first = 1) => new Uint8Array(length).fill(first, 0, 1);

test("a frame's last bit leaves after preamble, padded frame and check sequence, and arrives one latency later", () => {
  const { time, wire, arrived } = link({ bandwidth: 1e9, latency: 5000 });
  let sent = 0;
  wire.a.send(frame(42), () => {
    sent = time.clock.now();
  });
  time.run(FREQUENCY);
  expect(sent).toBe(cycles((8 + 60 + 4) * 8));
  expect(arrived).toEqual([{ length: 60, first: 1, cycle: sent + cycles(5000) }]);
});

test("a stream has the bandwidth to the last bit, though events are at whole cycles", () => {
  const { time, wire, arrived } = link({ bandwidth: 7e9, latency: 0 });
  let left = 1000;
  const next = () => {
    if (left-- > 0) wire.a.send(frame(61), next);
  };
  next();
  time.run(FREQUENCY);
  const expected = (999 * (61 + 24) * 8 * FREQUENCY) / 7e9;
  expect(Math.abs(arrived[999].cycle - arrived[0].cycle - expected)).toBeLessThan(2);
});

test("the directions don't disturb each other", () => {
  const { time, wire, arrived } = link();
  wire.b.send(frame(1514), () => {});
  wire.a.send(frame(60), () => {});
  time.run(FREQUENCY);
  expect(arrived[0].cycle).toBe(cycles(72 * 8 + 5000));
  expect(wire.b.counters.arrivedBytes).toBe(1514);
});

test("what is no frame is refused: shorter than its header, longer than 9018 bytes", () => {
  const { time, wire, arrived } = link();
  let sent = 0;
  for (const length of [0, 13, 9019]) wire.a.send(frame(length), () => sent++);
  wire.a.send(frame(9018), () => sent++);
  time.run(FREQUENCY);
  expect(sent).toBe(4);
  expect(arrived.map((one) => one.length)).toEqual([9018]);
  expect(wire.a.counters.refusedFrames).toBe(3);
});

test("a sender that doesn't wait finds a bounded queue", () => {
  const { time, wire, arrived } = link();
  let sent = 0;
  for (let i = 0; i < 100; i++) wire.a.send(frame(9018), () => sent++);
  time.run(FREQUENCY);
  expect(sent).toBe(100);
  expect(arrived.length).toBe(4);
  expect(wire.a.counters.refusedFrames).toBe(96);
});

test("with the link down frames are lost, those under way too, and each is still reported as sent", () => {
  const { time, wire, arrived, changes } = link();
  let sent = 0;
  wire.a.send(frame(60, 1), () => sent++);
  time.run(cycles(72 * 8 + 1));
  wire.a.send(frame(60, 2), () => sent++);
  wire.setUp(false);
  wire.setUp(false);
  wire.a.send(frame(60, 3), () => sent++);
  time.run(cycles(100));
  wire.setUp(true);
  time.run(cycles(1000));
  wire.a.send(frame(60, 4), () => sent++);
  time.run(FREQUENCY);
  expect(arrived.map((one) => one.first)).toEqual([4]);
  expect(sent).toBe(4);
  expect(wire.a.counters).toMatchObject({ downFrames: 3, arrivedFrames: 1, sentFrames: 2 });
  expect(changes).toEqual(["a false", "b false", "a true", "b true"]);
});

test("losses are of the seed and the direction alone", () => {
  const arrivals = (seed: number) => {
    const { time, wire, arrived } = link({ loss: [0.25, 0], seed });
    let left = 1000;
    const next = () => {
      if (left-- > 0) wire.a.send(frame(60, left & 255), next);
    };
    next();
    wire.b.send(frame(60), () => {});
    time.run(FREQUENCY);
    expect(wire.b.counters.lostFrames).toBe(0);
    expect(wire.a.counters.lostFrames + arrived.length).toBe(1000);
    return arrived.map((one) => one.cycle);
  };
  expect(arrivals(1)).toEqual(arrivals(1));
  expect(arrivals(1)).not.toEqual(arrivals(2));
  expect(Math.abs(arrivals(3).length - 750)).toBeLessThan(50);
});

test("observers see frames at their end: outgoing ones as they leave, lost ones too, incoming ones as they arrive", () => {
  const { time, wire } = link({ loss: [1, 0] });
  const seen: string[] = [];
  const observe = (name: string) => (bytes: Uint8Array, outgoing: boolean, cycle: number) =>
    seen.push(`${name} ${bytes.length} ${outgoing ? "out" : "in"} ${cycle}`);
  wire.a.observers.push(observe("a"));
  wire.b.observers.push(observe("b"));
  wire.a.send(frame(60), () => {});
  wire.b.send(frame(100), () => {});
  time.run(FREQUENCY);
  const [short, long, latency] = [72 * 8, 112 * 8, 5000].map(cycles);
  expect(seen).toEqual([`a 60 out ${short}`, `b 100 out ${long}`, `a 100 in ${long + latency}`]);
});
