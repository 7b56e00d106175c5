// QEMU's virt board over a file that is its RAM: written before, read after. The guest ends it by the test finisher.
import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RAM_START } from "../../assembly/layout.js";
import { type Image, type Outcome, outcomeOf } from "./image.js";
import { RAM_BYTES, SLOTS } from "./layout.js";

const QEMU = "qemu-system-riscv64";
/** RV64GCH with the extensions that both have; no performance counters beyond the three. */
const CPU =
  "rv64,priv_spec=v1.12.0,h=true,zba=true,zbb=true,zbc=true,zbs=true,svinval=true,sstc=true,x-smaia=true,x-ssaia=true,v=false,pmu-num=0";

/** The version that judges, or undefined where there is none. */
export function qemuVersion(): string | undefined {
  const asked = spawnSync(QEMU, ["--version"], { encoding: "utf8" });
  return asked.status === 0 ? /version (\S+)/.exec(asked.stdout)?.[1] : undefined;
}

const home = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Runs an image; if QEMU fails an assertion of its own, or no program ends within `seconds`, fewer have ended than there are. */
export async function runQemu(image: Image, seconds: number, extensions = ""): Promise<Outcome> {
  const directory = mkdtempSync(join(home, "yado-lockstep-"));
  const ram = join(directory, "ram");
  try {
    writeFileSync(ram, image.bytes);
    truncateSync(ram, RAM_BYTES);
    const child = spawn(
      QEMU,
      [
        ...[
          "-machine",
          "virt,memory-backend=ram,aia=none",
          "-cpu",
          CPU + extensions,
          "-smp",
          "2",
          "-m",
          `${RAM_BYTES / 2 ** 20}M`,
        ],
        ...["-object", `memory-backend-file,id=ram,size=${RAM_BYTES},mem-path=${ram},share=on`],
        ...["-bios", "none", "-accel", "tcg,thread=multi", "-nographic", "-monitor", "none", "-serial", "none"],
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    const complaint = await new Promise<string>((resolve, reject) => {
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      let ended = -1;
      const timer = setInterval(() => {
        const before = ended;
        ended = outcomeOf({ ...image, slots: [] }, readStart(ram, SLOTS - RAM_START)).ended;
        if (ended === before) child.kill("SIGKILL");
      }, seconds * 1000);
      child.on("error", reject).on("close", () => {
        clearInterval(timer);
        resolve(said);
      });
    });
    if (complaint && !complaint.includes("Assertion")) throw new Error(`${QEMU}: ${complaint}`);
    return { ...outcomeOf(image, readStart(ram, image.bytes.length)), failure: complaint || undefined };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function readStart(path: string, length: number): Uint8Array {
  const file = openSync(path, "r");
  const bytes = new Uint8Array(length);
  readSync(file, bytes, 0, length, 0);
  closeSync(file);
  return bytes;
}
