// What the hub costs the host, inside Wasm: IOTLB lookups, and DMA through the IOMMU on IOTLB hits against a plain
// memory.copy of the same bytes.
import { bundled, compiledLoops, cost, digits, rate, table, timed } from "./support.mjs";

export function run({ quick }) {
  const bytes = quick ? 2 ** 28 : 2 ** 32;
  const runner = bundled("hub-runner");
  const { hits, transfers } = JSON.parse(timed(process.execPath, [runner, compiledLoops(), String(bytes)]).output);
  const sizes = { 512: "512 B", 4096: "4 KiB", 65536: "64 KiB" };
  const inTurn = (pages) => (pages === 1 ? "one page" : `${pages} pages in turn`);
  const text = [
    table(
      ["IOTLB hit", "ns", "M/s"],
      hits.flatMap(({ pages, lookup, translation }) => [
        [`lookup, ${inTurn(pages)}`, digits(lookup), digits(1000 / lookup)],
        [`translation, ${inTurn(pages)}`, digits(translation), digits(1000 / translation)],
      ]),
    ),
    "",
    table(
      ["DMA", "GB/s", "memory.copy GB/s", "ratio"],
      transfers.map(({ length, write, dma, copy }) => [
        `${write ? "write" : "read"} ${sizes[length]}`,
        ...[length / dma, length / copy, copy / dma].map(digits),
      ]),
    ),
  ].join("\n");
  return {
    text,
    figures: [
      ...hits.flatMap(({ pages, lookup, translation }) => [
        cost(`hub/lookup/${pages}`, "host-time", lookup, "ns"),
        cost(`hub/translation/${pages}`, "host-time", translation, "ns"),
      ]),
      ...transfers.map(({ length, write, dma }) =>
        rate(`hub/dma-${write ? "write" : "read"}/${length}`, "throughput", length / dma, "GB/s", 1000, "ns/kB"),
      ),
    ],
  };
}
