// Captures: the format itself, and tcpdump as the judge of it and of every checksum that the peer sends.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generatedSource, type NetworkConfig, PcapWriter } from "../../../src/backends/network/index.js";
import { call } from "../../../src/backends/network/peer/tcp-services.js";
import { FREQUENCY, GUEST, network, PEER } from "../../support/network.js";

const tcpdump = spawnSync("tcpdump", ["--version"]).status === 0;
if (!tcpdump) console.warn("skipped: tcpdump isn't installed, captures are not read by it");

/** Everything that the peer does, captured at the guest's interface. */
function capture(config: NetworkConfig): Uint8Array {
  const { time, net, guest, peer } = network({ dns: { peer: "10.0.2.2" }, ...config });
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((chunk) => chunks.push(chunk), { frequency: FREQUENCY, start: 1_700_000_000 });
  net.observe((frame, _, cycle) => writer.write(frame, cycle));
  guest.icmp.ping(PEER, 56, FREQUENCY, () => {});
  const from = { source: GUEST, sourcePort: 5000, destination: PEER };
  guest.udp.send({ ...from, destinationPort: 7 }, new TextEncoder().encode("odd"));
  guest.udp.send({ ...from, destinationPort: 999 }, new Uint8Array(10));
  call(guest.tcp, { destination: PEER, destinationPort: 7, send: generatedSource(50_001, 1) });
  call(peer.host.tcp, { destination: GUEST, destinationPort: 99, send: generatedSource(5, 1) });
  time.run(100 * FREQUENCY);
  return Buffer.concat(chunks);
}

test("the header names nanoseconds and Ethernet; a record has time, both lengths, the frame (draft-ietf-opsawg-pcap)", () => {
  const chunks: Uint8Array[] = [];
  const options = { frequency: FREQUENCY, start: 1_000, snapLength: 64 };
  const writer = new PcapWriter((chunk) => chunks.push(chunk), options);
  writer.write(new Uint8Array(100).fill(7), 2.5 * FREQUENCY + 3);
  const header = new DataView(chunks[0].buffer);
  expect([0, 16, 20].map((at) => header.getUint32(at, true))).toEqual([0xa1b2_3c4d, 64, 1]);
  expect([4, 6].map((at) => header.getUint16(at, true))).toEqual([2, 4]);
  const record = new DataView(chunks[1].buffer);
  expect([0, 4, 8, 12].map((at) => record.getUint32(at, true))).toEqual([1_002, 500_000_002, 64, 100]);
  expect(chunks[1].length).toBe(16 + 64);
});

test("the same seed gives the same capture to the byte, another seed another", () => {
  const digest = (seed: number) =>
    createHash("sha256")
      .update(capture({ loss: 0.02, seed }))
      .digest("hex");
  expect(digest(3)).toBe(digest(3));
  expect(digest(3)).not.toBe(digest(4));
});

test.skipIf(!tcpdump)("tcpdump reads a capture and finds every checksum right", () => {
  const directory = mkdtempSync(join(tmpdir(), "capture-"));
  try {
    const file = join(directory, "network.pcap");
    writeFileSync(file, capture({}));
    const text = execFileSync("tcpdump", ["-r", file, "-nn", "-vv", "--nano"], {
      encoding: "utf8",
      env: { ...process.env, TZ: "UTC" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(text).toContain("22:13:20.000000576 ARP");
    expect(text).toContain("ARP, Ethernet (len 6), IPv4 (len 4), Request who-has 10.0.2.2 tell 10.0.2.15");
    expect(text).toContain("ICMP echo reply");
    expect(text).toContain("udp port 999 unreachable");
    expect(text).toContain("[udp sum ok]");
    expect(text).toMatch(/Flags \[S\], cksum 0x\w+ \(correct\).*options \[mss 1460,nop,wscale 3\]/);
    expect(text.match(/\(correct\)/g)!.length).toBeGreaterThan(70);
    expect(text).not.toMatch(/incorrect|bad udp cksum|wrong|bad cksum|truncated|malformed/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
