// Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM'96), its theorems as properties, and token buckets before it
// (ITU-T I.371, "Generic cell rate algorithm").
import fc from "fast-check";
import { expect, test } from "vitest";
import { EventQueue } from "../../src/platform/events.js";
import { BURST_SECONDS, FairQueue, type Share } from "../../src/vmm/fair-queue.js";

fc.configureGlobal({ seed: 86 });

const FREQUENCY = 1_000_000;
const LARGEST = 1000;
const PER_PIECE = 20;
const COSTS = { largest: LARGEST, perPiece: PER_PIECE };
const IDLE = { ...COSTS, busy: () => false, wake: () => {} };

interface Piece {
  readonly flow: number;
  readonly number: number;
  readonly cost: number;
}

interface Served extends Piece {
  readonly at: number;
  /** Pieces of each flow that still wait. */
  readonly waiting: readonly number[];
}

interface Arrival {
  readonly flow: number;
  readonly gap: number;
  readonly cost: number;
}

/** A device that takes `cost` cycles for a piece, one at a time, and what it was given. */
function serve(shares: readonly Share[], arrivals: readonly Arrival[]) {
  let time = 0;
  const events = new EventQueue(() => time, FREQUENCY);
  const served: Served[] = [];
  /** Cycles at which the device was free, something waited and nothing was given to it. */
  const refusals: { at: number; waiting: readonly number[] }[] = [];
  let busy = false;
  const pump = () => {
    if (busy) return;
    const piece = queue.next();
    const waiting = flows.map(({ length }) => length);
    if (piece) {
      busy = true;
      served.push({ ...piece, at: events.now(), waiting });
      events.after(piece.cost, () => {
        busy = false;
        pump();
      });
    } else if (waiting.some((length) => length > 0)) refusals.push({ at: events.now(), waiting });
  };
  const queue = new FairQueue<Piece>(events, { ...COSTS, busy: () => busy, wake: pump });
  const flows = shares.map((share) => queue.open(share));
  let at = 0;
  for (const [number, { flow, gap, cost }] of arrivals.entries()) {
    at += gap;
    const piece = { flow: flow % shares.length, number, cost };
    events.at(at, () => {
      queue.push(flows[piece.flow], piece, cost);
      pump();
    });
  }
  while (events.next() < Infinity) {
    time = events.next();
    events.runDue(time);
  }
  return { served, refusals, flows };
}

const arrival = fc.record({ flow: fc.nat(3), gap: fc.nat(300), cost: fc.integer({ min: 1, max: LARGEST }) });
const arrivals = fc.array(arrival, { minLength: 1, maxLength: 150 });
const weight = fc.integer({ min: 1, max: 16 });
const limited = fc.record({
  weight,
  rate: fc.option(fc.integer({ min: 50_000, max: 900_000 }), { nil: undefined }),
  pieces: fc.option(fc.integer({ min: 100, max: 5000 }), { nil: undefined }),
});

/** max − min of W(f)/w(f) − W(g)/w(g) while both wait: what any interval within gives at most. */
function spread(served: readonly Served[], weights: readonly number[], f: number, g: number): number {
  let [worst, difference, least, most] = [0, 0, 0, 0];
  for (const { flow, cost, waiting } of served) {
    if (flow === f) difference += (cost + PER_PIECE) / weights[f];
    if (flow === g) difference -= (cost + PER_PIECE) / weights[g];
    least = Math.min(least, difference);
    most = Math.max(most, difference);
    worst = Math.max(worst, most - least);
    if (waiting[f] === 0 || waiting[g] === 0) [difference, least, most] = [0, 0, 0];
  }
  return worst;
}

test("guests that wait are given work by their weights, within the largest piece of each (theorem 1)", () => {
  fc.assert(
    fc.property(fc.array(weight, { minLength: 2, maxLength: 4 }), arrivals, (weights, all) => {
      const { served } = serve(
        weights.map((one) => ({ weight: one })),
        all,
      );
      for (let f = 0; f < weights.length; f++) {
        for (let g = 0; g < f; g++) {
          const largest = LARGEST + PER_PIECE;
          const bound = largest / weights[f] + largest / weights[g];
          expect(spread(served, weights, f, g)).toBeLessThanOrEqual(bound + 1e-6);
        }
      }
    }),
  );
});

test("a flood of small and large pieces: 1 : 2 : 4 to the last piece", () => {
  const all = [0, 1, 2].flatMap((flow) =>
    Array.from({ length: 700 }, (_, i) => ({ flow, gap: 0, cost: [64, 900, 333][(i + flow) % 3] })),
  );
  const { served } = serve([{ weight: 1 }, { weight: 2 }, { weight: 4 }], all);
  const until = served.findIndex(({ waiting }, i) => i > 0 && waiting.includes(0));
  const given = [0, 0, 0];
  for (const { flow, cost } of served.slice(0, until)) given[flow] += cost + PER_PIECE;
  expect(given[1] / given[0]).toBeCloseTo(2, 1);
  expect(given[2] / given[0]).toBeCloseTo(4, 1);
});

test("one piece of a guest that was idle goes next, however many another has waiting", () => {
  const flood = Array.from({ length: 500 }, () => ({ flow: 0, gap: 0, cost: 100 }));
  const { served } = serve([{}, {}], [...flood, { flow: 1, gap: 20_050, cost: 100 }]);
  const one = served.find(({ flow }) => flow === 1)!;
  expect(one.at).toBe(20_100);
});

test("nothing is lost, and each guest's pieces stay in their order", () => {
  fc.assert(
    fc.property(fc.array(limited, { minLength: 1, maxLength: 4 }), arrivals, (shares, all) => {
      const { served, flows } = serve(shares, all);
      for (let flow = 0; flow < shares.length; flow++) {
        const sent = all.flatMap((one, number) => (one.flow % shares.length === flow ? [number] : []));
        expect(served.filter((one) => one.flow === flow).map(({ number }) => number)).toEqual(sent);
        expect(flows[flow].counters.pieces).toBe(sent.length);
      }
    }),
  );
});

test("in no window does a guest get more than its rate and one burst", () => {
  fc.assert(
    fc.property(fc.array(limited, { minLength: 1, maxLength: 4 }), arrivals, (shares, all) => {
      const { served } = serve(shares, all);
      for (const [flow, { rate, pieces }] of shares.entries()) {
        const own = served.filter((one) => one.flow === flow);
        for (let first = 0; first < own.length; first++) {
          let cost = 0;
          for (let last = first; last < own.length; last++) {
            cost += own[last].cost;
            const seconds = (own[last].at - own[first].at) / FREQUENCY;
            const most = (limit: number, least: number) => limit * seconds + Math.max(least, limit * BURST_SECONDS);
            if (rate !== undefined) expect(cost).toBeLessThanOrEqual(most(rate, LARGEST) + 1e-3);
            if (pieces !== undefined) expect(last - first + 1).toBeLessThanOrEqual(most(pieces, 1) + 1e-3);
          }
        }
      }
    }),
    { numRuns: 50 },
  );
});

test("a free device waits only for limits: never without them, and never for a guest that has none", () => {
  fc.assert(
    fc.property(fc.array(limited, { minLength: 1, maxLength: 4 }), arrivals, (shares, all) => {
      const free = shares.map(({ rate, pieces }) => rate === undefined && pieces === undefined);
      const { refusals } = serve(shares, all);
      for (const { waiting } of refusals) expect(waiting.some((length, flow) => length > 0 && free[flow])).toBe(false);
    }),
  );
});

test("a limit alone decides how long a flood takes", () => {
  const flood = Array.from({ length: 100 }, () => ({ flow: 0, gap: 0, cost: 1000 }));
  const { served } = serve([{ rate: 100_000 }], flood);
  expect(served.at(-1)!.at).toBe(0.99 * FREQUENCY);
});

test("a guest that a limit held doesn't catch up on the others afterwards", () => {
  const flood = [0, 1].flatMap((flow) => Array.from({ length: 400 }, () => ({ flow, gap: 0, cost: 1000 })));
  const { served } = serve([{ rate: 100_000 }, {}], flood);
  const alone = served.slice(0, 330).filter(({ flow }) => flow === 0);
  const gaps = alone.slice(1).map(({ at }, i) => at - alone[i].at);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(9000);
});

test("what is dropped is gone, the rest goes on in order; what is put back goes first", () => {
  const events = new EventQueue(() => 0, FREQUENCY);
  const queue = new FairQueue<string>(events, IDLE);
  const [a, b] = [queue.open(), queue.open()];
  for (const name of ["a1", "a2", "a3"]) queue.push(a, name, 10);
  for (const name of ["b1", "b2"]) queue.push(b, name, 10);
  expect(queue.drop(a, (name) => name === "a1")).toEqual(["a1"]);
  expect(queue.next()).toBe("a2");
  queue.putBack(a, "a2 again", 10);
  expect([queue.next(), queue.next(), queue.next()]).toEqual(["b1", "a2 again", "b2"]);
  expect(queue.drop(a)).toEqual(["a3"]);
  expect([queue.next(), queue.idle()]).toEqual([undefined, true]);
});

test.each([0, -1, Number.NaN, Infinity])("a weight or a limit of %s is our caller's mistake", (value) => {
  const queue = new FairQueue<string>(new EventQueue(() => 0, FREQUENCY), IDLE);
  expect(() => queue.open({ weight: value })).toThrow(RangeError);
  expect(() => queue.open({ rate: value })).toThrow(RangeError);
  expect(() => queue.open({ pieces: value })).toThrow(RangeError);
});
