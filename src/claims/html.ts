// The report of `yado claims --html`: one file with everything in it, for the screen and for paper.
import { chartSvg } from "./chart.js";
import type { ClaimReport, ClaimsReport, PartReport } from "./report.js";
import { figureText, sensitivityText, summary } from "./text.js";
import type { DeviceClass, Verdict } from "./types.js";

const DEVICES: readonly DeviceClass[] = ["serial line", "disk", "LAN"];
const CLASSES: Readonly<Record<Verdict, string>> = { holds: "holds", "doesn't hold": "fails", "not shown yet": "open" };

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .3rem; } h3 { font-size: 1rem; margin: 1.4rem 0 .2rem; }
blockquote { margin: .3rem 0; font-style: italic; color: #444; }
.verdict { padding: .05rem .5rem; border: 1px solid; border-radius: .3rem; font-size: .85rem; white-space: nowrap; }
.holds { color: #17692f; } .fails { color: #a3121f; } .open { color: #7a5200; }
table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0; } th { text-align: left; }
td, th { padding: .1rem .8rem .1rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.scope, .costs { font-size: .9rem; color: #444; } code { font-size: .85rem; } pre { margin: .2rem 0; white-space: pre-wrap; }
figure { margin: .8rem 0; } figcaption { font-size: .9rem; font-weight: 600; } svg { max-width: 100%; height: auto; }
@media print { body { margin: 0; max-width: none; font-size: 10.5pt; } section { break-inside: avoid-page; } h2 { break-after: avoid; } figure, table { break-inside: avoid; } }
`;

export function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => names[character]);
}

const badge = (verdict: Verdict) => `<span class="verdict ${CLASSES[verdict]}">${escaped(verdict)}</span>`;

/** A whole HTML document. It asks for nothing else. */
export async function claimsHtml(report: ClaimsReport): Promise<string> {
  const sections = await Promise.all(report.claims.map(section));
  const devices = DEVICES.filter((device) =>
    report.claims.some(({ parts }) => parts.some((part) => part.device === device)),
  );
  const rows = report.claims.map(({ id, says, verdict, parts }) => {
    const cells = [verdict, ...devices.map((device) => parts.find((part) => part.device === device)?.verdict)];
    const badges = cells.map((one) => `<td>${one ? badge(one) : ""}</td>`).join("");
    return `<tr><td><a href="#${id}">${id}</a></td><td>${escaped(says)}</td>${badges}</tr>`;
  });
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Yado: the chapter's claims</title>
<style>${STYLE}</style>
</head>
<body>
<h1>The chapter's claims</h1>
<p>Yado ${escaped(report.version)}${report.quick ? ", a quarter of the volumes" : ""}. ${escaped(summary(report))}</p>
<table>
<tr><th></th><th></th><th>in all</th>${devices.map((device) => `<th>${device}</th>`).join("")}</tr>
${rows.join("\n")}
</table>
${sections.join("\n")}
</body>
</html>
`;
}

async function section(claim: ClaimReport): Promise<string> {
  const { id, says, verdict, parts, missing } = claim;
  const devices = await Promise.all(parts.map(ofDevice));
  return [
    `<section id="${id}">`,
    `<h2>${id} ${badge(verdict)}</h2>`,
    `<blockquote>${escaped(says)}</blockquote>`,
    ...devices,
    ...missing.map((what) => `<p class="scope">Not shown: ${escaped(what)}</p>`),
    "</section>",
  ].join("\n");
}

async function ofDevice(part: PartReport): Promise<string> {
  const { device, verdict, why, figures, charts, experiments } = part;
  const sensitivity = sensitivityText(part);
  const drawings = await Promise.all(
    charts.map(
      async (chart) => `<figure><figcaption>${escaped(chart.title)}</figcaption>${await chartSvg(chart)}</figure>`,
    ),
  );
  const rows = figures.map(
    (figure) => `<tr><td>${escaped(figure.name)}</td><td class="number">${escaped(figureText(figure))}</td></tr>`,
  );
  return [
    `<h3>${device} ${badge(verdict)}</h3>`,
    `<p>${escaped(why)}</p>`,
    ...drawings,
    ...(rows.length > 0 ? [`<table>${rows.join("\n")}</table>`] : []),
    ...(sensitivity ? [`<p class="costs">${escaped(sensitivity)}</p>`] : []),
    ...(experiments.length > 0 ? [`<pre><code>${experiments.map(escaped).join("\n")}</code></pre>`] : []),
  ].join("\n");
}
