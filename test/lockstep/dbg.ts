import { generate } from "./generate/index.js";
import { imageOf } from "./image.js";
import { runYado } from "./yado.js";
import { trapLines } from "./compare.js";
import { RAM_START, HART_MODE } from "../../assembly/layout.js";
import { Core } from "../../src/core/core.js";
import * as at from "./layout.js";
const [family, seed] = process.argv.slice(2);
const p = generate(family, Number(seed));
const image = imageOf([p]);
const core = new Core(at.RAM_BYTES, "flat");
core.store(RAM_START, image.bytes);
let shown = 0;
const prev = 0n;
for (let i = 0; i < 400_000 && shown < Number(process.argv[4] ?? 60); i++) {
  core.exports.step();
  const pc = core.pc;
  if (pc >= 0x80203000n) shown++;
  if (shown > 0) console.log(pc.toString(16), core.u32[HART_MODE >> 2]);
}
console.log(trapLines(core.slice(at.WINDOW, at.TABLES - at.WINDOW).slice()).slice(0, 10));
console.log(p.statements[0], p.mode);
