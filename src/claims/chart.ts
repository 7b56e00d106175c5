// Charts of a judgement as SVG, drawn by Observable Plot on a document that needs no browser.
import { MODE_NAMES } from "../scenario/workload.js";
import type { Chart } from "./types.js";

const WIDTH = 640;
const HEIGHT = 300;
/** Told apart in print without colour too: each series of lines has a symbol of its own. */
const COLOURS = ["#4269d0", "#d9730d", "#2f8a57", "#a2455f", "#7a5fb0", "#6b6b6b", "#b8860b"];

const SYMBOLS = ["circle", "cross", "diamond2", "square", "star", "triangle", "wye"] as const;
/** A mode looks the same in every chart. */
const MODES: readonly string[] = MODE_NAMES;

/** An `<svg>` element, or a `<figure>` with its legend; refers to nothing outside itself. */
export async function chartSvg(chart: Chart): Promise<string> {
  const [Plot, { parseHTML }] = await Promise.all([import("@observablehq/plot"), import("linkedom")]);
  const { document } = parseHTML("<html><body></body></html>");
  const { kind, points, x, y, threshold, log = false } = chart;
  const series = [...new Set(points.map((point) => point.series))];
  const places = [...new Set(points.map((point) => point.x))];
  const known = series.every((name) => MODES.includes(name));
  const look = <T>(looks: readonly T[]): T[] =>
    series.map((name, i) => looks[(known ? MODES.indexOf(name) : i) % looks.length]);
  const numeric = places.every((place) => typeof place === "number");
  const data = points.map((point) => ({ ...point }));
  const rule = threshold === undefined ? [] : [Plot.ruleY([threshold], { stroke: "#b00020", strokeDasharray: "5 4" })];
  const marks =
    kind === "bar"
      ? [Plot.barY(data, { x: "x", y: "y", fill: "series" })]
      : [
          Plot.lineY(data, { x: "x", y: "y", stroke: "series" }),
          Plot.dot(data, { x: "x", y: "y", stroke: "series", fill: "white", symbol: "series", r: 3.5 }),
        ];
  const drawn = Plot.plot({
    document,
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 60,
    marginBottom: 45,
    x: {
      label: x || null,
      ...(numeric ? {} : { type: kind === "bar" ? ("band" as const) : ("point" as const), domain: places }),
    },
    y: { label: y, grid: true, ...(log ? { type: "log" as const } : { zero: true }) },
    color: { domain: series, range: look(COLOURS), legend: kind === "bar" },
    ...(kind === "line" ? { symbol: { domain: series, range: look(SYMBOLS), legend: true } } : {}),
    marks: [...marks, ...rule, ...(log ? [] : [Plot.ruleY([0])])],
  });
  return drawn.outerHTML;
}
