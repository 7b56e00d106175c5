// The hub's speed inside Wasm: node build/bench-hub-runner.mjs LOOPS.wasm BYTES
// The IOMMU has one device, bound by a directory of one level to a G-stage table (Sv39x4) of 4 KiB pages; 32 pages are in use,
// half of the IOTLB. Prints {hits: [{pages, lookup, translation: ns}], transfers: [{length, write, dma, copy: ns}]} as JSON.
import { IommuMode, IommuReg } from "../assembly/isa/iommu.js";
import { COUNTERS, RAM, RAM_START } from "../assembly/layout.js";
import { Counter } from "../assembly/isa/counter.js";
import { instantiateLoops, nanoseconds } from "./loops.js";

const [wasm, bytesText] = process.argv.slice(2);
/** Bytes that each DMA measurement moves. */
const bytes = Number(bytesText);

const DEVICE = 8;
const PAGES = 32;
const SPAN = PAGES * 4096;
const RAM_BYTES = 0x100_0000;
// offsets in RAM
const DIRECTORY = 0x1000;
const ROOT = 0x4000;
const MIDDLE = 0x8000;
const LEAVES = 0x9000;
const DATA = 0x10_0000;

const { exports, memory } = instantiateLoops(wasm, RAM_BYTES);
const view = new DataView(memory.buffer, RAM);
const ppn = (offset: number) => BigInt(RAM_START + offset) >> 12n;
const pointer = (offset: number) => (ppn(offset) << 10n) | 1n;
const leaf = (offset: number) => (ppn(offset) << 10n) | 0xdfn; // V R W X U A D

view.setBigUint64(ROOT, pointer(MIDDLE), true);
view.setBigUint64(MIDDLE, pointer(LEAVES), true);
for (let page = 0; page < PAGES; page++) view.setBigUint64(LEAVES + page * 8, leaf(DATA + page * 4096), true);
view.setBigUint64(DIRECTORY + DEVICE * 32, 1n, true); // tc.V
view.setBigUint64(DIRECTORY + DEVICE * 32 + 8, (8n << 60n) | (1n << 44n) | ppn(ROOT), true); // iohgatp: Sv39x4, GSCID 1
const ddtp = (ppn(DIRECTORY) << 10n) | BigInt(IommuMode.OneLevel);
exports.iommuWrite(IommuReg.ddtp + 4, Number(ddtp >> 32n));
exports.iommuWrite(IommuReg.ddtp, Number(ddtp & 0xffff_ffffn));

/** All of `n` must have succeeded. */
function all(n: number, done: number): void {
  if (done !== Math.trunc(n)) throw new Error(`${done} of ${n} succeeded`);
}

all(PAGES, exports.transfers(PAGES, DEVICE, SPAN, 4096, 0)); // fills the IOTLB
const COUNT = bytes / 64;
const hits = [1, PAGES].map((pages) => ({
  pages,
  lookup: nanoseconds(COUNT, (n) => all(n, exports.lookups(n, DEVICE, pages))),
  translation: nanoseconds(COUNT, (n) => all(n, exports.translations(n, DEVICE, pages))),
}));
const transfers = [512, 4096, 65536].flatMap((length) =>
  [0, 1].map((write) => ({
    length,
    write: write === 1,
    dma: nanoseconds(bytes / length, (n) => all(n, exports.transfers(n, DEVICE, SPAN, length, write))),
    copy: nanoseconds(bytes / length, (n) => exports.copies(n, RAM + DATA, SPAN, length, write)),
  })),
);
const misses = new DataView(memory.buffer).getUint32(COUNTERS + 8 * Counter.IotlbMisses, true);
if (misses !== PAGES) throw new Error(`${misses} IOTLB misses instead of ${PAGES}: these aren't hits`);
process.stdout.write(JSON.stringify({ hits, transfers }));
