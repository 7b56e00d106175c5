// Debian's own drivers for Yado's network interfaces: a lease by DHCP, echoes, and a file over TCP, whose checksum the host knows.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { generatedBytes } from "../../src/backends/disk-image.js";
import { boot, guest, scratch } from "./debian.js";

const MODELS = [
  { model: "e1000e", modules: ["e1000e"], interrupts: ["eth0-rx-0", "eth0-tx-0"] },
  { model: "virtio", modules: ["virtio_net"], interrupts: ["virtio0-input.0", "virtio0-output.0"] },
  { model: "virtio-mmio", modules: ["virtio_mmio", "virtio_net"], interrupts: [] },
];
const CONTROLLERS = ["none", "aplic-imsic"] as const;
const SIZE = 16 << 20;
const CONNECT = [
  "ip link set eth0 up",
  "cat > /tmp/dhcp <<'END'",
  "#!/bin/sh",
  '[ "$1" = bound ] && ifconfig $interface $ip netmask $subnet && route add default gw $router && echo leased $ip',
  "exit 0",
  "END",
  "busybox chmod +x /tmp/dhcp",
  "udhcpc -i eth0 -s /tmp/dhcp -n -q -f",
].join("\n");

const cases = MODELS.flatMap((each) => CONTROLLERS.map((aia) => ({ ...each, aia })));

describe.skipIf(!guest).each(cases)(
  "Debian's driver for $model, with aia=$aia",
  ({ model, modules, aia, interrupts }) => {
    test("gets a lease, is answered, and loads a file", async () => {
      const directory = scratch();
      const [served, capture] = [join(directory, "served"), join(directory, "capture.pcap")];
      const content = generatedBytes(SIZE, 11);
      writeFileSync(served, content);
      const { status, lines } = await boot({
        modules,
        options: ["--aia", aia, "--net", `model=${model}`, "--serve", `/file=${served}`, "--pcap", capture],
        script: [
          CONNECT,
          "ping -c 3 10.0.2.2",
          "wget -q -O - http://10.0.2.2/file | sha256sum",
          "cat /proc/interrupts",
          "poweroff -f",
        ].join("\n"),
      });
      expect(lines).toContain("leased 10.0.2.15");
      expect(lines).toContain("3 packets transmitted, 3 packets received, 0% packet loss");
      expect(lines).toContain(`${createHash("sha256").update(content).digest("hex")}  -`);
      const messages = lines.filter((line) => line.includes("PCI-MSIX")).map((line) => line.trim().split(/\s+/).at(-1));
      const expected: string[] = aia === "aplic-imsic" ? interrupts : [];
      expect(interrupts.filter((name) => messages.includes(name))).toEqual(expected);
      expect(readFileSync(capture).readUInt32LE(0)).toBe(0xa1b2_3c4d);
      expect(status).toBe(0);
    });

    test("goes down and up again, and the driver away and back", async () => {
      const ping = "ping -c 1 -w 5 10.0.2.2";
      const address = "ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up";
      const { status, lines } = await boot({
        modules,
        harts: 2,
        options: ["--aia", aia, "--net", `model=${model}`],
        script: [
          ...[address, ping, "ip link set eth0 down", "ip link set eth0 up", ping],
          ...[`busybox rmmod ${modules[0]}`, `insmod /modules/${modules[0]}.ko`, address, ping],
          "poweroff -f",
        ].join("\n"),
      });
      const answered = lines.filter((line) => line === "1 packets transmitted, 1 packets received, 0% packet loss");
      expect(answered).toHaveLength(3);
      expect(status).toBe(0);
    });
  },
);
