// Compiles a piece of AssemblyScript that exists only for a test.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Exports of `entry`, whose imports are relative to the root of the tree ("./assembly/…"); with the cache model. */
export async function compiled(entry: string): Promise<WebAssembly.Exports> {
  const { default: asc } = await import("assemblyscript/asc");
  const stderr: string[] = [];
  let binary: Uint8Array<ArrayBuffer> | undefined;
  const options = ["--outFile", "entry.wasm", "--runtime", "stub", "-O2", "--use", "TIMED=1", "--initialMemory", "16"];
  const { error } = await asc.main(["entry.ts", ...options], {
    stderr: { write: (text: string) => void stderr.push(text) },
    readFile: (name: string) => {
      if (name === "entry.ts") return entry;
      if (!name.startsWith("assembly/")) return null; // asconfig.json, for one: it is about another program
      try {
        return readFileSync(join(ROOT, name), "utf8");
      } catch {
        return null;
      }
    },
    writeFile: (_name: string, contents: string | Uint8Array) => {
      if (typeof contents !== "string") binary = new Uint8Array(contents);
    },
    listFiles: () => [],
  });
  if (error || !binary) throw new Error(`asc: ${error?.message}\n${stderr.join("")}`);
  const { instance } = await WebAssembly.instantiate(binary, { env: { abort: () => {} } });
  return instance.exports;
}
