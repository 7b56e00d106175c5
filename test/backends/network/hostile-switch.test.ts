// Stations send frames of any bytes to a switch, faster than it can pass them on: none comes twice, none back, and what waits is bounded.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Switch } from "../../../src/backends/network/switch.js";
import { Wire } from "../../../src/backends/network/wire.js";
import { MILLISECOND, VirtualTime } from "../../support/network.js";

const STATIONS = 4;
const QUEUE = 8;

test("any frames from any station", () => {
  const address = fc.oneof(fc.nat(5), fc.constantFrom(0xff, 0x101));
  const step = fc.record({
    station: fc.nat(STATIONS - 1),
    to: address,
    from: address,
    bytes: fc.uint8Array({ maxLength: 120 }),
    pass: fc.constantFrom(0, 0, 100, MILLISECOND / 100),
    link: fc.option(fc.boolean(), { freq: 8 }),
  });
  let arrived = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 150 }), (steps) => {
      const time = new VirtualTime();
      const joint = new Switch(time.clock, { queueFrames: QUEUE, addresses: 4 });
      const wires = Array.from({ length: STATIONS }, () => new Wire(time.clock));
      const ports = wires.map((wire) => joint.join(wire.b));
      const got = wires.map(() => [] as number[]);
      const busy = wires.map(() => false);
      wires.forEach((wire, n) => {
        wire.a.attach({ receive: (frame) => got[n].push(frame[13] * 256 + frame[14]), linkChanged: () => {} });
      });
      const origin: number[] = [];
      for (const { station, to, from, bytes, pass, link } of steps) {
        if (link !== null) wires[station].setUp(link);
        if (!busy[station]) {
          const frame = new Uint8Array(15 + bytes.length);
          frame.set([to & 0xff, to >>> 8, 0, 0, 0, 0, from & 0xff, from >>> 8], 0);
          frame.set([origin.length >>> 8, origin.length & 0xff], 13);
          frame.set(bytes, 15);
          origin.push(station);
          busy[station] = true;
          wires[station].a.send(frame, () => {
            busy[station] = false;
          });
        }
        time.run(pass);
        expect(ports.every(({ transmitter }) => transmitter.length <= QUEUE)).toBe(true);
      }
      time.run(100 * MILLISECOND);
      got.forEach((frames, n) => {
        expect(new Set(frames).size).toBe(frames.length);
        expect(frames.filter((frame) => origin[frame] === n)).toEqual([]);
        arrived += frames.length;
      });
      expect(time.clock.next()).toBe(Infinity);
    }),
    { numRuns: 100, seed: 13 },
  );
  expect(arrived).toBeGreaterThan(500);
});

test("frames too short to have addresses go nowhere", () => {
  const time = new VirtualTime();
  const joint = new Switch(time.clock);
  const wires = [0, 1].map(() => new Wire(time.clock));
  const got: Uint8Array[] = [];
  for (const wire of wires) joint.join(wire.b);
  wires[1].a.attach({ receive: (frame) => got.push(frame), linkChanged: () => {} });
  for (let length = 0; length < 14; length++) {
    wires[0].a.send(new Uint8Array(length), () => {});
    time.run(MILLISECOND);
  }
  expect(got).toEqual([]);
});
