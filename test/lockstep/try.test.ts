import { expect, test } from "vitest";
import { generate, FAMILIES } from "./generate/index.js";
import { imageOf } from "./image.js";
import { runQemu } from "./qemu.js";
import { runYado } from "./yado.js";
import { firstDifference, trapLines } from "./compare.js";
import { LOG_FIELDS } from "./layout.js";
test("try", async () => {
  for (const family of (process.env.F ?? "i,m,a").split(",")) {
    let t = performance.now();
    const lap = (s: string) => {
      console.log(family, s, (performance.now() - t).toFixed(0));
      t = performance.now();
    };
    const programs = Array.from({ length: 64 }, (_, i) => generate(family, Number(process.env.SEED ?? 0) + i));
    lap("gen");
    const image = imageOf(programs);
    lap("image");
    const q = await runQemu(image, 5);
    lap("qemu");
    const y = runYado(image, "flat");
    lap("yado");
    console.log(q.ended, y.ended);
    programs.forEach((p, i) => {
      const d = firstDifference(q.windows[i], y.windows[i]);
      if (d) console.log(i, p.mode, d, trapLines(q.windows[i]).slice(0, 3), trapLines(y.windows[i]).slice(0, 3));
    });
  }
});
