// A stock Debian guest: kernel, firmware, and initial RAM disks made of its BusyBox and its modules.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { cpio } from "./cpio.mjs";
import { fetched } from "./packages.mjs";

/** Boots the kernel without most of what takes long and that nobody asks for here. */
export const LEAN = [
  [
    "initcall_blacklist=jent_mod_init",
    ...["load_system_certificate_list", "init_kprobe_trace", "bpf_tcp_ca_kfunc_init", "bpf_dummy_struct_ops_init"],
    ...["check_unaligned_access_all_cpus", "latency_fsnotify_init", "init_encrypted", "blake2s_mod_init"],
    "crypto_kdf108_init",
  ].join(","),
  ...["cryptomgr.notests", "audit=0", "lsm=", "apparmor=0"],
].join(" ");

/** Names that scripts of ours call BusyBox by. */
const APPLETS = [
  ...["sh", "mount", "umount", "insmod", "uname", "poweroff", "reboot", "cat", "echo", "sha256sum", "dd", "ls", "sync"],
  ...["nproc", "grep", "sleep", "mkdir", "tail", "head", "cut", "date", "dmesg", "taskset", "wc", "cp", "hwclock"],
  ...["ip", "ifconfig", "udhcpc", "ping", "wget", "route", "nc"],
];
/** Bytes between a module's signature and what marks it; the last four are its length. */
const SIGNATURE_HEADER = 12;
const COMPRESSED = /\.ko(\.xz)?$/;

/**
 * Where the guest's parts are: named by YADO_LINUX_IMAGE, YADO_LINUX_MODULES, YADO_BUSYBOX and YADO_OPENSBI, or unpacked by
 * `node scripts/linux/fetch.mjs`; undefined where any of them is missing.
 */
export function linuxGuest() {
  const root = fetched();
  const within = (path, name) => {
    const found = root && existsSync(join(root, path)) && readdirSync(join(root, path)).find((file) => name.test(file));
    return found ? join(root, path, found) : undefined;
  };
  const { YADO_LINUX_IMAGE, YADO_LINUX_MODULES, YADO_BUSYBOX, YADO_OPENSBI } = process.env;
  const image = YADO_LINUX_IMAGE ?? within("boot", /^vmlinu[xz]-/);
  const modules = YADO_LINUX_MODULES ?? within("usr/lib/modules", /./);
  const busybox = YADO_BUSYBOX ?? within("usr/bin", /^busybox$/);
  const opensbi = YADO_OPENSBI ?? within("usr/lib/riscv64-linux-gnu/opensbi/generic", /^fw_dynamic\.bin$/);
  if (!image || !modules || !busybox || !opensbi) return undefined;
  return { image, modules, busybox, opensbi, version: basename(modules) };
}

/**
 * A compressed initial RAM disk that loads `modules` (and first what they need), and then follows `script` in BusyBox's shell.
 * @param {{ busybox: string, modules: string }} guest
 */
export function initramfs(guest, { script, modules = [] }) {
  const loaded = withDependencies(guest.modules, modules);
  const directories = ["bin", "dev", "mnt", "modules", "proc", "sys", "tmp"];
  const file = (name, data, mode = 0o755) => ({ name, type: "file", data, mode });
  return gzipSync(
    cpio([
      ...directories.map((name) => ({ name, type: "directory" })),
      { name: "dev/console", type: "character", mode: 0o600, device: [5, 1] },
      file("bin/busybox", readFileSync(guest.busybox)),
      ...APPLETS.map((name) => ({ name: `bin/${name}`, type: "link", mode: 0o777, data: "busybox" })),
      ...loaded.map(({ name, data }) => file(`modules/${name}.ko`, data, 0o644)),
      file("init", init(loaded)),
      file("script", script),
    ]),
    { level: 9 },
  );
}

function init(modules) {
  return [
    "#!/bin/sh",
    "mount -t proc proc /proc",
    "mount -t sysfs sysfs /sys",
    "mount -t devtmpfs devtmpfs /dev",
    ...modules.map(({ name }) => `insmod /modules/${name}.ko`),
    ". /script",
    "",
  ].join("\n");
}

/** The modules named and those that they depend on, each after all that it needs. */
function withDependencies(directory, names) {
  if (names.length === 0) return [];
  const files = new Map();
  for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" }).sort()) {
    if (COMPRESSED.test(file)) files.set(plain(basename(file)), join(directory, file));
  }
  const found = new Map();
  const visit = (name) => {
    if (found.has(name)) return;
    const path = files.get(name);
    if (!path) throw new Error(`no module ${name} in ${directory}`);
    const data = withoutSignature(unpacked(path));
    for (const needed of dependencies(data)) visit(plain(needed));
    found.set(name, { name, data });
  };
  names.map(plain).forEach(visit);
  return [...found.values()];
}

/** A module's name as the kernel spells it. */
const plain = (name) => name.replace(COMPRESSED, "").replaceAll("-", "_");

function unpacked(path) {
  if (!path.endsWith(".xz")) return readFileSync(path);
  const done = spawnSync("xz", ["-dc", path], { maxBuffer: 1 << 26 });
  if (done.status !== 0) throw new Error(`xz -dc ${path}: ${done.error ?? done.stderr}`);
  return done.stdout;
}

/**
 * Linux, "Kernel module signing facility": what a module ends with. Without it the kernel calls itself tainted, and spends no second
 * on hashing for a key that it doesn't have.
 */
function withoutSignature(module) {
  const magic = "~Module signature appended~\n";
  const end = module.length - magic.length;
  if (module.toString("latin1", end) !== magic) return module;
  return module.subarray(0, end - SIGNATURE_HEADER - module.readUInt32BE(end - 4));
}

/** `depends=a,b` of the .modinfo section. */
function dependencies(module) {
  const at = module.indexOf("\0depends=");
  if (at < 0) return [];
  const start = at + "\0depends=".length;
  return module.toString("latin1", start, module.indexOf(0, start)).split(",").filter(Boolean);
}
