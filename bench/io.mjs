// Host time of I/O through the whole stack: the probe guest, its driver, VMM, hub, device models, and the medium or the network's
// peer behind them; and stock Linux with TCP. Packets, bytes of DMA and exits per second of user CPU time, and the share of that time
// outside guest execution.
import { linuxCases } from "./io-linux.mjs";
import { PARTS } from "./profile.mjs";
import { bundled, cost, digits, median, rate, table, timed } from "./support.mjs";

const MODES = ["native", "emulated", "assigned", "paravirtual"];
/** Of host time outside guest execution, for `streams`. */
const MOST_OUTSIDE = 0.5;

/** `packets`: frames of an operation. In those whose names end with -crc the guest looks at what arrives, as the workload does by default. */
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

/** Those to which MOST_OUTSIDE applies: streams whose bytes the guest looks at, and those of Linux. */
const streams = ({ name, linux }) => linux || name.endsWith("-crc");

export function run({ quick }) {
  const runner = bundled("io-runner");
  const onProbe = ({ mode, workload, operations }) => {
    const what = { mode, workload, operations: quick ? operations / 4 : operations };
    return JSON.parse(timed(process.execPath, [runner, JSON.stringify(what)]).output);
  };
  const linux = linuxCases({ quick });
  const cases = [
    ...CASES.map((each) => ({ ...each, measure: () => onProbe(each) })),
    ...linux.cases.map((each) => ({ ...each, linux: true })),
  ].map((each) => ({ ...each, rounds: [] }));
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    for (const { measure, rounds } of cases) rounds.push(measure());
  }
  const measured = cases.map(medians);
  const skipped = linux.why ? `\n\nLinux is skipped: ${linux.why}` : "";
  return { text: `${rates(measured)}\n\n${shares(measured)}${skipped}`, figures: measured.flatMap(figuresOf) };
}

/** Medians of what the rounds found. */
function medians({ rounds, measure: _, ...what }) {
  const of = (value) => median(rounds.map(value));
  const perSecond = (count) => of((round) => count(round) / round.seconds);
  const shares = Object.fromEntries(PARTS.map((part) => [part, of((round) => round.shares[part])]));
  return {
    ...what,
    shares,
    outside: of((round) => 1 - round.shares.guest),
    operations: perSecond((round) => round.operations),
    packets: (what.packets || what.linux) && perSecond((round) => round.packets ?? round.operations * what.packets),
    dma: perSecond((round) => round.dmaBytes) / 1e9,
    exits: perSecond((round) => round.exits),
    mips: perSecond((round) => round.instructions) / 1e6,
  };
}

function rates(measured) {
  const rows = measured.map(({ name, mode, linux, operations, packets, dma, exits, mips }) => [
    `${name}, ${mode}`,
    linux ? "" : digits(operations / 1e3),
    packets ? digits(packets / 1e3) : "",
    linux ? "" : digits(dma),
    linux || mode === "native" ? "" : digits(exits / 1e3),
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

function figuresOf({ name, mode, linux, operations, packets, dma, exits, shares, outside }) {
  const figure = `io/${name}/${mode}`;
  return [
    ...(linux
      ? [rate(figure, "mebibytes", operations, "MiB/s", 1000, "ms/MiB")]
      : [
          rate(figure, "operations", operations, "operations/s", 1e9, "ns/operation"),
          rate(figure, "dma", dma, "GB/s", 1, "ns/byte"),
        ]),
    ...(packets ? [rate(figure, "packets", packets, "packets/s", 1e9, "ns/packet")] : []),
    ...(linux || mode === "native" ? [] : [rate(figure, "exits", exits, "exits/s", 1e9, "ns/exit")]),
    cost(figure, "outside-guest", Number(percent(outside)), "%"),
    ...PARTS.map((part) => cost(`${figure}/${part}`, "share", Number(percent(shares[part])), "%")),
  ];
}
