// Host time of I/O through the whole stack: the probe guest, its driver, VMM, hub, device models, and the medium or the network's
// peer behind them. Packets, bytes of DMA and exits per second of user CPU time, and the share of that time outside guest execution.
import { PARTS } from "./profile.mjs";
import { bundled, cost, digits, median, rate, table, timed } from "./support.mjs";

const MODES = ["native", "emulated", "assigned", "paravirtual"];
/** Of host time outside guest execution, for a stream whose bytes the guest looks at. */
const MOST_OUTSIDE = 0.5;

/** `packets`: frames of an operation; `looks`: the guest computes CRC-32C of what arrives, as the workload does by default. */
const CASES = [
  {
    name: "netstream",
    packets: 1,
    workload: { kind: "netstream", bs: 1472, qd: 32, hash: "none" },
    operations: 40_000,
  },
  { name: "netrecv", packets: 1, workload: { kind: "netrecv", bs: 1472, qd: 32, hash: "none" }, operations: 40_000 },
  { name: "netrr", packets: 2, workload: { kind: "netrr", bs: 64, qd: 1, hash: "none" }, operations: 20_000 },
  { name: "read-64K", workload: { kind: "seqread", bs: 65536, qd: 16, hash: "none" }, operations: 8_000 },
  { name: "read-4K", workload: { kind: "randread", bs: 4096, qd: 1, hash: "none" }, operations: 20_000 },
  {
    name: "netrecv-crc",
    packets: 1,
    workload: { kind: "netrecv", bs: 1472, qd: 32, hash: "crc32c" },
    operations: 20_000,
  },
  { name: "read-64K-crc", workload: { kind: "seqread", bs: 65536, qd: 16, hash: "crc32c" }, operations: 1_500 },
].flatMap((each) => MODES.map((mode) => ({ ...each, mode })));

/** Streams whose bytes the guest looks at: those to which MOST_OUTSIDE applies. */
const streams = ({ name }) => name.endsWith("-crc");

export function run({ quick }) {
  const runner = bundled("io-runner");
  const results = CASES.map((each) => ({ ...each, rounds: [] }));
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    for (const { mode, workload, operations, rounds } of results) {
      const what = { mode, workload, operations: quick ? operations / 4 : operations };
      rounds.push(JSON.parse(timed(process.execPath, [runner, JSON.stringify(what)]).output));
    }
  }
  const measured = results.map(medians);
  return { text: `${rates(measured)}\n\n${shares(measured)}`, figures: measured.flatMap(figuresOf) };
}

/** Medians of what the rounds found. */
function medians({ rounds, ...what }) {
  const of = (value) => median(rounds.map(value));
  const perSecond = (count) => of((round) => count(round) / round.seconds);
  const shares = Object.fromEntries(PARTS.map((part) => [part, of((round) => round.shares[part])]));
  return {
    ...what,
    shares,
    outside: of((round) => 1 - round.shares.guest),
    operations: perSecond((round) => round.operations),
    packets: what.packets && perSecond((round) => round.operations * what.packets),
    dma: perSecond((round) => round.dmaBytes) / 1e9,
    exits: perSecond((round) => round.exits),
    mips: perSecond((round) => round.instructions) / 1e6,
  };
}

function rates(measured) {
  const rows = measured.map(({ name, mode, operations, packets, dma, exits, mips }) => [
    `${name}, ${mode}`,
    digits(operations / 1e3),
    packets ? digits(packets / 1e3) : "",
    digits(dma),
    mode === "native" ? "" : digits(exits / 1e3),
    digits(mips),
  ]);
  return table(["a second of CPU time", "k operations", "k packets", "GB of DMA", "k exits", "M instr."], rows);
}

const percent = (share) => (100 * share).toFixed(1);

function shares(measured) {
  const rows = measured.map((each) => [
    `${each.name}, ${each.mode}`,
    ...PARTS.map((part) => percent(each.shares[part])),
    percent(each.outside),
    streams(each) ? (each.outside <= MOST_OUTSIDE ? "met" : "not met") : "",
  ]);
  return table(["% of host time", ...PARTS, "outside guest", `≤ ${percent(MOST_OUTSIDE)}`], rows);
}

function figuresOf({ name, mode, operations, packets, dma, exits, shares, outside }) {
  const figure = `io/${name}/${mode}`;
  return [
    rate(figure, "operations", operations, "operations/s", 1e9, "ns/operation"),
    ...(packets ? [rate(figure, "packets", packets, "packets/s", 1e9, "ns/packet")] : []),
    rate(figure, "dma", dma, "GB/s", 1, "ns/byte"),
    ...(mode === "native" ? [] : [rate(figure, "exits", exits, "exits/s", 1e9, "ns/exit")]),
    cost(figure, "outside-guest", percent(outside) * 1, "%"),
    ...PARTS.map((part) => cost(`${figure}/${part}`, "share", percent(shares[part]) * 1, "%")),
  ];
}
