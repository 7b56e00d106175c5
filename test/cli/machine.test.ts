// `yado run` with a kernel of one's own, as a user runs it.
import { spawn } from "node:child_process";
import { chmodSync, closeSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import * as asm from "../support/assembler.js";
import { ROOT, scratch, yado } from "./command.js";

const HELLO = join(ROOT, "guests/hello/hello.elf");
const PROBE = join(ROOT, "guests/probe/probe.elf");
const BENCH = join(ROOT, "guests/bench/empty.elf");
const { a0, a1, a2, t0, t1, zero } = asm;
const FINISHER = 0x100;
const forever = asm.jal(zero, 0);
const shutdown = [asm.lui(t0, FINISHER), asm.lui(t1, 5), asm.addi(t1, t1, 0x555), asm.sw(t1, 0, t0), forever];

/** A directory with a raw M-mode program in it. */
function program(words: number[], name = "program.bin"): string {
  const directory = scratch();
  writeFileSync(join(directory, name), asm.bytes(words));
  return directory;
}
const RAW = ["run", "--bios", "none", "--kernel", "program.bin", "--kernel-format", "raw"];

/** Copies what comes in over the serial line to what goes out, one more than it was; ends at a NUL. */
const echo = [
  asm.lui(a0, 0x1_0000),
  asm.lbu(a1, 5, a0),
  asm.andi(a1, a1, 1),
  asm.beq(a1, zero, -8),
  asm.lbu(a2, 0, a0),
  asm.beq(a2, zero, 16),
  asm.addi(a2, a2, 1),
  asm.sb(a2, 0, a0),
  asm.jal(zero, -28),
  ...shutdown,
];

test("hello prints and powers off, in QEMU's spelling too", () => {
  const expected = { status: 0, stdout: "hello by SBI DBCN\nhello by UART\n" };
  const plain = yado(["run", "--kernel", HELLO]);
  expect(plain).toMatchObject(expected);
  expect(yado(["run", "-nographic", "-M", "virt", "-m", "64", "-smp", "2", "-kernel", HELLO])).toMatchObject(expected);
  const machine = ["-nodefaults", "-cpu", "rv64", "-accel", "tcg", "-m", "size=64M"];
  const console = ["-display", "none", "-monitor", "none", "-serial", "stdio"];
  expect(yado(["run", ...machine, ...console, "-kernel", HELLO])).toMatchObject(expected);
});

test("a kernel compressed with gzip runs as it does plain", () => {
  const cwd = scratch();
  writeFileSync(join(cwd, "hello.gz"), gzipSync(readFileSync(HELLO)));
  expect(yado(["run", "--kernel", "hello.gz"], { cwd })).toMatchObject({ status: 0, stderr: "" });
});

test("statistics are those of the machine; only what is the host's differs between runs", () => {
  const run = () => JSON.parse(yado(["run", "--kernel", HELLO, "--serial", "null", "--stats", "json:-"]).stdout);
  const { host, ...stats } = run();
  expect(stats).toMatchObject({ schema: "yado.machine/1", end: { kind: "finished", code: 0 }, reboots: 0 });
  expect(stats.harts).toEqual([{ instructions: stats.instructions, cycles: stats.cycles }]);
  expect(Object.keys(host)).toEqual(["wallSeconds", "mips", "node", "platform"]);
  const { host: _, ...again } = run();
  expect(again).toEqual(stats);
});

test("limits end a run with 124, and instructions to the last one", () => {
  const cwd = program([forever]);
  const { status, stdout, stderr } = yado([...RAW, "--max-instructions", "5001", "--stats", "json:-"], { cwd });
  expect(status).toBe(124);
  expect(JSON.parse(stdout).instructions).toBe(5001);
  expect(stderr).toContain("stopped by --max-instructions");
  expect(yado([...RAW, "--max-cycles", "1000000", "--quiet"], { cwd })).toEqual({
    status: 124,
    stdout: "",
    stderr: "",
  });
});

test("the finisher's code is the exit code", () => {
  const fail = (code: number) =>
    program([asm.lui(t0, FINISHER), asm.lui(t1, (code << 4) + 3), asm.addi(t1, t1, 0x333), asm.sw(t1, 0, t0), forever]);
  expect(yado(RAW, { cwd: fail(3) })).toMatchObject({ status: 3, stdout: "" });
  expect(yado(RAW, { cwd: fail(256) }).status).toBe(1);
});

test("what a file holds is typed at the console, every byte of it and always at the same time", async () => {
  const cwd = program(echo);
  const input = `${"abcdefgh".repeat(500)}\0`;
  writeFileSync(join(cwd, "input"), input);
  const run = () => {
    const file = openSync(join(cwd, "input"), "r");
    const args = [join(ROOT, "bin/yado.mjs"), ...RAW, "--stats", "json:stats.json"];
    const child = spawn(process.execPath, args, { cwd, stdio: [file, "pipe", "inherit"] });
    let output = "";
    child.stdout!.on("data", (data: Buffer) => {
      output += data.toString();
    });
    return new Promise<{ output: string; cycles: number }>((resolve) =>
      child.on("close", () => {
        closeSync(file);
        resolve({ output, cycles: JSON.parse(readFileSync(join(cwd, "stats.json"), "utf8")).cycles });
      }),
    );
  };
  const [one, other] = [await run(), await run()];
  expect(one.output).toBe("bcdefghi".repeat(500));
  expect(other).toEqual(one);
});

/** Starts a run, and gives its streams. */
function start(args: readonly string[], cwd: string) {
  const child = spawn(process.execPath, [join(ROOT, "bin/yado.mjs"), ...args], { cwd });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (data: Buffer) => {
    stdout += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => {
    stderr += data.toString();
  });
  const seen = async (text: string) => {
    while (!stdout.includes(text)) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const over = new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) =>
    child.on("close", (status) => resolve({ status, stdout, stderr })),
  );
  return { child, seen, over };
}

test("a pipe's input is answered as it comes", async () => {
  const { child, seen, over } = start(RAW, program(echo));
  child.stdin.write("HAL");
  await seen("IBM");
  child.stdin.write("a");
  await seen("IBMb");
  child.stdin.write("\0");
  expect(await over).toEqual({ status: 0, stdout: "IBMb", stderr: "" });
});

test("Ctrl-C ends a run with its statistics", async () => {
  const cwd = program(echo);
  const { child, seen, over } = start([...RAW, "--stats", "json:stats.json"], cwd);
  child.stdin.write("a");
  await seen("b");
  child.kill("SIGINT");
  const { status, stderr } = await over;
  expect(status).toBe(130);
  expect(stderr).toMatch(/^yado: interrupted by SIGINT \(\d+ instructions/);
  expect(JSON.parse(readFileSync(join(cwd, "stats.json"), "utf8")).end).toEqual({
    kind: "interrupted",
    signal: "SIGINT",
  });
});

test("the console goes to a file, or nowhere", () => {
  const cwd = scratch();
  expect(yado(["run", "--kernel", HELLO, "--serial", "file:log"], { cwd }).stdout).toBe("");
  expect(readFileSync(join(cwd, "log"), "utf8")).toContain("hello by UART");
  expect(yado(["run", "--kernel", HELLO, "--serial", "null"]).stdout).toBe("");
});

test.each(["nvme", "virtio-mmio"])(
  "what is written to a disk (%s) is in its image afterwards, unless it is a snapshot or read-only",
  (kind) => {
    const cwd = scratch();
    const path = join(cwd, "disk.img");
    const run = (more: string) => {
      writeFileSync(path, new Uint8Array(2 ** 20));
      const append = "workload=seqwrite total=262144 bs=32768 qd=8 seed=1";
      const disk = `file=disk.img,if=${kind}${more}`;
      const { status } = yado(["run", "--kernel", PROBE, "--disk", disk, "--append", append], { cwd });
      const bytes = readFileSync(path);
      return { status, length: bytes.length, written: bytes.subarray(0, 262144).some((byte) => byte !== 0) };
    };
    expect(run("")).toEqual({ status: 0, length: 2 ** 20, written: true });
    expect(run(",snapshot=on")).toEqual({ status: 0, length: 2 ** 20, written: false });
    expect(run(",readonly=on")).toEqual({ status: 1, length: 2 ** 20, written: false });
    expect(readdirSync(cwd)).toEqual(["disk.img"]);
  },
);

test("a network interface is there, and what passes it is captured", () => {
  const cwd = scratch();
  const net = ["--net", "model=e1000e,mac=52:54:00:00:00:01", "--net", "virtio", "--pcap", "net.pcap"];
  expect(yado(["run", "--kernel", HELLO, ...net, "--serve", "/file=generated:1M"], { cwd }).status).toBe(0);
  expect(readFileSync(join(cwd, "net.pcap")).readUInt32LE()).toBe(0xa1b2_3c4d);
});

test("a trace has a line for each instruction", () => {
  const cwd = program(shutdown);
  yado([...RAW, "--trace", "trace.txt"], { cwd });
  const lines = readFileSync(join(cwd, "trace.txt"), "utf8").split("\n");
  expect(lines[0]).toBe("0 M 0000000080000000 001002b7 x5=0000000000100000");
  expect(lines).toHaveLength(5);
  expect(yado([...RAW, "--trace", "-"], { cwd }).stdout).toBe(lines.join("\n"));
});

test("the device tree is written, and nothing runs", () => {
  const cwd = scratch();
  expect(yado(["run", "--dumpdtb", "virt.dtb", "-smp", "4"], { cwd })).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(readFileSync(join(cwd, "virt.dtb")).readUInt32BE()).toBe(0xd00dfeed);
  expect(yado(["run", "--kernel", HELLO, "--append", "abc=def", "--dumpdtb", "k.dtb"], { cwd }).stdout).toBe("");
  expect(readFileSync(join(cwd, "k.dtb"), "latin1")).toContain("abc=def");
});

describe("what can't be used is refused with a message and exit code 2", () => {
  const image = new Uint8Array(64 * 1024);
  new DataView(image.buffer).setBigUint64(8, 0x20_0000n, true);
  image.set(new TextEncoder().encode("RSC\x05"), 56);
  const elf = readFileSync(HELLO);
  const files: Record<string, Uint8Array> = {
    "disk.img": new Uint8Array(1024),
    "odd.img": new Uint8Array(1000),
    empty: new Uint8Array(),
    image: image,
    text: new TextEncoder().encode("hello\n"),
    "cut.elf": elf.subarray(0, 100),
    "cut.gz": gzipSync(elf).subarray(0, 500),
    "bomb.gz": gzipSync(new Uint8Array(8 * 2 ** 20)),
    arm: Uint8Array.from({ length: 64 }, (_, i) => [..."ARMd"].map((c) => c.charCodeAt(0))[i - 56] ?? 0),
    "cut.cpio": new TextEncoder().encode(`070701${"00000000".repeat(13)}`),
  };
  test.each<[string, string[], string]>([
    ["nothing to run", [], "there is nothing to run"],
    ["an unknown flag", ["--kernal", "x"], "Did you mean --kernel?"],
    ["an unknown flag in QEMU's spelling", ["-kernal", "x"], "Did you mean --kernel?"],
    ["a missing kernel", ["--kernel", "none"], "--kernel: can't open none: there is no such file"],
    ["an empty kernel", ["--kernel", "empty"], "--kernel: empty: the file is empty"],
    ["text as kernel", ["--kernel", "text"], "neither an ELF file nor a Linux Image"],
    ["a cut ELF file", ["--kernel", "cut.elf"], "--kernel: cut.elf: truncated"],
    ["a cut gzip file", ["--kernel", "cut.gz"], "--kernel: cut.gz: corrupt or truncated"],
    [
      "a gzip file that is too large",
      ["--kernel", "bomb.gz", "-m", "4"],
      "decompresses to more than the machine's 4 MiB",
    ],
    ["a kernel for another machine", ["--kernel", "arm"], "a kernel for AArch64"],
    [
      "a cut initial RAM disk",
      ["--kernel", HELLO, "--initrd", "cut.cpio"],
      "--initrd: cut.cpio, from byte 0 on: corrupt",
    ],
    ["no initial RAM disk", ["--kernel", HELLO, "--initrd", "text"], "--initrd: text: no initial RAM disk"],
    ["an initial RAM disk without a kernel", ["--initrd", "text"], "there is no kernel for it"],
    ["a command line without a kernel", ["--append", "x"], "there is no kernel for it"],
    ["too little memory", ["--kernel", "image", "-m", "2"], "--kernel: image: doesn't fit into 2 MiB"],
    ["too much memory", ["--kernel", HELLO, "-m", "4G"], "up to 1536M"],
    ["memory that is no size", ["-m", "much"], '--memory: "much" is no size'],
    ["too many harts", ["--smp", "9"], "Give 1 to 8"],
    ["firmware and kernel in one place", ["--bios", BENCH, "--kernel", BENCH], "overlaps"],
    ["firmware that is none", ["--bios", "arm"], "--bios: arm: a kernel for AArch64"],
    ["a disk without a file", ["--kernel", HELLO, "--disk", "if=nvme"], "names no image"],
    ["a disk of an unknown kind", ["--kernel", HELLO, "--disk", "disk.img,if=scsi"], "--disk if"],
    ["a mistyped key", ["--kernel", HELLO, "--disk", "file=disk.img,snapshoot=on"], 'Did you mean "snapshot"?'],
    ["a disk of broken sectors", ["--kernel", HELLO, "--disk", "odd.img"], "odd.img: its size, 1000 bytes"],
    ["a disk that isn't there", ["--kernel", HELLO, "--disk", "none.img"], "none.img: the image can't be opened"],
    ["a disk given twice", ["--kernel", HELLO, "--disk", "disk.img", "--disk", "disk.img"], "is given twice"],
    ["an unknown network interface", ["--kernel", HELLO, "--net", "model=e1000"], 'Did you mean "e1000e"?'],
    ["no MAC address", ["--kernel", HELLO, "--net", "e1000e,mac=1:2"], '"1:2" is no MAC address'],
    ["no IPv4 address", ["--kernel", HELLO, "--net", "virtio,ip=10.0.2"], '"10.0.2" is no IPv4 address'],
    ["no bandwidth", ["--kernel", HELLO, "--net", "virtio,bandwidth=fast"], '--net bandwidth: "fast" is no number'],
    ["a network file without an interface", ["--kernel", HELLO, "--serve", "/a=text"], "Add one with --net"],
    [
      "a network file that isn't there",
      ["--kernel", HELLO, "--net", "virtio", "--serve", "/a=none"],
      "can't open none",
    ],
    ["a network file without a path", ["--kernel", HELLO, "--net", "virtio", "--serve", "a=text"], "Write /path=FILE"],
    ["a capture without an interface", ["--kernel", HELLO, "--pcap", "x"], "Add one with --net"],
    ["a capture to nowhere", ["--kernel", HELLO, "--net", "virtio", "--pcap", "no/x"], "--pcap: can't write into no"],
    ["statistics nowhere", ["--kernel", HELLO, "--stats", "out"], "Write json:FILE"],
    [
      "statistics over an input",
      ["--kernel", HELLO, "--disk", "disk.img", "--stats", "json:disk.img"],
      "read by this run",
    ],
    ["a serial line to nowhere", ["--kernel", HELLO, "--serial", "file:no/log"], "--serial: can't write into no"],
    ["a trace to nowhere", ["--kernel", HELLO, "--trace", "no/trace"], "--trace: can't write into no"],
    ["no port", ["--kernel", HELLO, "--gdb", "x"], "--gdb:"],
    ["a scenario's option", ["--kernel", HELLO, "--json", "x"], "--stats json:FILE"],
    ["a machine's option with a scenario", ["--scenario", "x.yaml", "--kernel", HELLO], "not of a scenario"],
  ])("%s", (_, args, problem) => {
    const cwd = scratch();
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(cwd, name), bytes);
    const { status, stdout, stderr } = yado(["run", ...args], { cwd });
    expect(stderr).toContain(problem);
    expect(stderr).not.toMatch(/^ +at .*:\d+:\d+/m);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });

  test("a disk that may not be written, unless it needn't be", () => {
    const cwd = scratch();
    const path = join(cwd, "disk.img");
    writeFileSync(path, new Uint8Array(1024));
    chmodSync(path, 0o444);
    const run = (more: string) => yado(["run", "--kernel", HELLO, "--disk", `file=disk.img${more}`], { cwd }).status;
    expect([run(",readonly=on"), run(",snapshot=on,if=nvme"), run(",readonly=on,if=virtio-mmio")]).toEqual([0, 0, 0]);
  });
});
