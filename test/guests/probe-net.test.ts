// The probe guest's network drivers, judged by QEMU's devices; at the other end of QEMU's wire is the peer.
import { spawn, spawnSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { buildNetwork, type Peer } from "../../src/backends/network/index.js";
import { characters } from "../../src/backends/network/peer/udp-services.js";
import { Transmitter } from "../../src/backends/network/transmitter.js";
import { LONGEST_FRAME } from "../../src/backends/network/wire.js";
import { EventQueue } from "../../src/platform/events.js";
import { checksum } from "../../src/metrics/checksum.js";

const PROBE = fileURLToPath(new URL("../../guests/probe/probe.elf", import.meta.url));
const QEMU = "qemu-system-riscv64";
const judged = test.skipIf(spawnSync(QEMU, ["--version"]).status !== 0);

const E1000E = ["-device", "e1000e,netdev=n0,romfile="];
const VIRTIO = ["-global", "virtio-mmio.force-legacy=false", "-device", "virtio-net-device,netdev=n0"];

/** Real time, which nothing counts here: QEMU has no other. */
const nanoseconds = () => Number(process.hrtime.bigint());

async function bound(): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { socket, port: socket.address().port };
}

/** The peer at the end of a wire whose frames are datagrams between QEMU and us. */
async function run(device: string[], bootargs: string): Promise<{ result: Record<string, string>; peer: Peer }> {
  const { socket, port } = await bound();
  const { socket: reserved, port: qemuPort } = await bound();
  reserved.close();
  const clock = new EventQueue(nanoseconds, 1e9);
  const { link, peer } = buildNetwork({ bandwidth: 1e12 }, clock);
  link.attach({
    receive: (frame) => socket.send(frame.slice(), qemuPort, "127.0.0.1"),
    linkChanged: () => {},
  });
  const towardsPeer = new Transmitter(link, 1024, LONGEST_FRAME);
  socket.on("message", (frame) => {
    const packet = towardsPeer.packet();
    packet.bytes.set(frame);
    packet.length = frame.length;
    towardsPeer.send(packet);
  });
  const ticking = setInterval(() => clock.runDue(nanoseconds()), 1);
  const inet = (side: string, at: number) => `${side}.type=inet,${side}.host=127.0.0.1,${side}.port=${at}`;
  const net = ["-netdev", `dgram,id=n0,${inet("local", qemuPort)},${inet("remote", port)}`];
  const machine = ["-M", "virt", "-m", "128", "-nographic", "-kernel", PROBE, "-append", bootargs];
  const qemu = spawn(QEMU, [...machine, ...net, ...device], { stdio: ["ignore", "pipe", "inherit"], timeout: 60_000 });
  let output = "";
  qemu.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  await once(qemu, "close");
  await setTimeout(100); // what is still under way arrives
  clearInterval(ticking);
  socket.close();
  const line = output.split("\n").findLast((text) => text.startsWith("yado-result ")) ?? output;
  const words = line.trim().split(" ").slice(1);
  return { result: Object.fromEntries(words.map((word) => word.split("=") as [string, string])), peer };
}

/** What the source gives: characters that begin with a number. */
function given(count: number, bytes: number): Uint8Array {
  const all = new Uint8Array(count * bytes);
  for (let i = 0; i < count; i++) {
    all.set(characters(bytes), i * bytes);
    new DataView(all.buffer).setUint32(i * bytes, i);
  }
  return all;
}

const NICS = [
  ["e1000e", "e1000e", E1000E],
  ["virtio-net", "virtio", VIRTIO],
] as const;

judged.each(NICS)("%s: every datagram sent reaches the sink", { timeout: 90_000 }, async (_, driver, device) => {
  const { result, peer } = await run([...device], "workload=netstream bs=1000 qd=16 total=50000");
  expect(result).toMatchObject({ driver, errors: "0", bytes: "50000", operations: "50", timeouts: "0" });
  expect(peer.udp.counters).toMatchObject({ discardedDatagrams: 50, discardedBytes: 50_000 });
});

judged.each(NICS)(
  "%s: what the source gives arrives whole and in order",
  { timeout: 90_000 },
  async (_, driver, device) => {
    const { result } = await run([...device], "workload=netrecv bs=1472 qd=32 total=441600");
    expect(result).toMatchObject({ driver, errors: "0", lost: "0", bytes: "441600", operations: "300" });
    expect(result.checksum).toBe(await checksum("crc32c", given(300, 1472)));
  },
);

judged.each(NICS)("%s: requests come back as they were sent", { timeout: 90_000 }, async (_, driver, device) => {
  const { result, peer } = await run([...device], "workload=netrr bs=64 qd=1 count=300");
  expect(result).toMatchObject({ driver, errors: "0", lost: "0", bytes: "19200", operations: "300" });
  expect(peer.udp.counters.echoes).toBe(300);
});
