// Stock Debian Linux and TCP in bulk, both ways, with the host at the other end of the wire: a file by wget, zeros by nc. What the
// boot and a short transfer take is subtracted, from the time and from the profile.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initramfs, LEAN, linuxGuest } from "../scripts/linux/guest.mjs";
import { packages, Unavailable } from "../scripts/linux/packages.mjs";
import { nameOfRun, partsOfLines, sharesOf, timesOf } from "./profile.mjs";
import { ROOT, timed } from "./support.mjs";

const SHORT = 2;
const SAMPLE_MICROSECONDS = 500;
const COUNTS = /packets=(\d+)\+(\d+)/;

const CASES = [
  { model: "e1000e", module: "e1000e", way: "receive", loss: 0 },
  { model: "e1000e", module: "e1000e", way: "send", loss: 0 },
  { model: "virtio", module: "virtio_net", way: "receive", loss: 0 },
  { model: "virtio", module: "virtio_net", way: "send", loss: 0 },
  { model: "e1000e", module: "e1000e", way: "receive", loss: 0.01 },
  { model: "e1000e", module: "e1000e", way: "send", loss: 0.01 },
];

const transfers = {
  receive: () => "wget -q -O /dev/null http://10.0.2.2/file",
  send: (mebibytes) => `dd if=/dev/zero bs=65536 count=${mebibytes * 16} 2>/dev/null | nc 10.0.2.2 5001`,
};
const STATISTICS = "/sys/class/net/eth0/statistics";
const script = ({ way }, mebibytes) => `ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
${transfers[way](mebibytes)} && echo "packets=$(cat ${STATISTICS}/rx_packets)+$(cat ${STATISTICS}/tx_packets)"
poweroff -f
`;

/** What has to be measured, each by `measure`; empty where there are no packages, `why` says so. */
export function linuxCases({ quick }) {
  const found = guestOf();
  if (typeof found === "string") return { why: found, cases: [] };
  const mebibytes = quick ? 16 : 64;
  const measure = (what) => {
    const directory = mkdtempSync(join(tmpdir(), "yado-bench-"));
    try {
      return between(
        transferred(found, directory, what, SHORT),
        transferred(found, directory, what, mebibytes),
        mebibytes - SHORT,
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
  return {
    why: "",
    cases: CASES.map((each) => {
      const name = `linux-${each.way}${each.loss ? `-loss-${each.loss * 100}%` : ""}`;
      return { name, mode: each.model, measure: () => measure(each) };
    }),
  };
}

/** The guest, or why there is none. */
function guestOf() {
  try {
    if (!linuxGuest()) packages((line) => console.error(line));
    return linuxGuest();
  } catch (error) {
    if (error instanceof Unavailable) return error.message;
    throw error;
  }
}

/** Time by part, packets and instructions of a boot with a transfer. */
function transferred(guest, directory, what, mebibytes) {
  const [initrd, stats, profiles] = ["initrd.gz", "stats.json", "profiles"].map((name) => join(directory, name));
  writeFileSync(initrd, initramfs(guest, { modules: [what.module], script: script(what, mebibytes) }));
  rmSync(profiles, { recursive: true, force: true });
  const { output, user } = timed(process.execPath, [
    ...["--cpu-prof", "--cpu-prof-interval", String(SAMPLE_MICROSECONDS), "--cpu-prof-dir", profiles],
    ...[join(ROOT, "build/yado.mjs"), "run", "-m", "512M", "--kernel", guest.image, "--initrd", initrd],
    ...["--append", `console=ttyS0 ${LEAN}`, "--net", `model=${what.model},loss=${what.loss}`],
    ...["--serve", `/file=generated:${mebibytes}M`, "--quiet", "--stats", `json:${stats}`],
  ]);
  const [, received, sent] = COUNTS.exec(output) ?? [];
  if (received === undefined) throw new Error(`no transfer:\n${output}`);
  const [file] = readdirSync(profiles);
  const times = timesOf(JSON.parse(readFileSync(join(profiles, file), "utf8")), {
    run: nameOfRun(join(ROOT, "build/core-flat.wasm")),
    bundle: "/yado.mjs",
    parts: partsOfLines(readFileSync(join(ROOT, "build/yado.mjs"), "utf8")),
  });
  return {
    packets: Number(received) + Number(sent),
    seconds: user,
    times,
    instructions: JSON.parse(readFileSync(stats, "utf8")).instructions,
  };
}

/** The longer one less the shorter. */
function between(short, long, mebibytes) {
  return {
    operations: mebibytes,
    packets: long.packets - short.packets,
    dmaBytes: 0,
    exits: 0,
    seconds: long.seconds - short.seconds,
    instructions: long.instructions - short.instructions,
    shares: sharesOf(long.times, short.times),
  };
}
