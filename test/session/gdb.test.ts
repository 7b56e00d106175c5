// GDB, "GDB Remote Serial Protocol": the stub over a machine, packet by packet.
import { expect, test } from "vitest";
import { Csr } from "../../assembly/isa/csr.js";
import { RAM_START } from "../../src/platform/memory-map.js";
import { Debugger } from "../../src/session/debugger.js";
import { framed, GdbReader } from "../../src/session/gdb-packets.js";
import { GdbServer } from "../../src/session/gdb-server.js";
import { Session } from "../../src/session/session.js";
import * as asm from "../support/assembler.js";

const { a0, a1, zero } = asm;
const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const latin = (bytes: Uint8Array) => String.fromCharCode(...bytes);
const at = (instruction: number) => (RAM_START + 4 * instruction).toString(16);
const little = (value: bigint) => Buffer.from(BigUint64Array.of(value).buffer).toString("hex");

/** A machine in a loop of four instructions, with a debugger at it. */
function debugged(harts = 1) {
  const program = [asm.addi(a0, a0, 1), asm.addi(a1, a0, 0), asm.addi(a1, a1, 1), asm.jal(zero, -12)];
  const target = new Debugger();
  const session = new Session({
    ramSize: 1024 * 1024,
    harts,
    core: "flat",
    software: { firmware: "none", kernel: { bytes: asm.bytes(program), name: "loop", raw: true } },
    disks: [],
    aia: "none",
    debugger: target,
  });
  const sent: string[] = [];
  let killed = false;
  const server = new GdbServer(target, {
    send: (bytes) => sent.push(latin(bytes)),
    resumed: () => {},
    kill: () => {
      killed = true;
    },
  });
  /** Sends a packet, lets the machine run while it may, and returns the reply without its frame. */
  const ask = (packet: string): string => {
    sent.length = 0;
    server.receive(framed(packet));
    for (let slices = 0; slices < 10 && !target.stop; slices++) {
      session.run(1000);
      target.settle();
      if (target.stop) server.stopped();
    }
    return sent
      .join("")
      .replace(/^\+/, "")
      .replace(/^\$([\s\S]*)#..$/, "$1");
  };
  return { session, target, server, sent, ask, killed: () => killed };
}

test("packets are found in a stream, with checksums and escapes; the rest is noise", () => {
  const reader = new GdbReader();
  const events = [...reader.feed(ascii("++$OK#9a\x03$m0,4#00$}]x#52-"))];
  expect(events).toEqual([
    { kind: "packet", data: "OK" },
    { kind: "interrupt" },
    { kind: "damaged" },
    { kind: "packet", data: "}x" },
    { kind: "resend" },
  ]);
  expect([...reader.feed(framed("a#b$c}d*e"))]).toEqual([{ kind: "packet", data: "a#b$c}d*e" }]);
});

test("a machine stands still at first, and tells of its harts as threads", () => {
  const { ask } = debugged(3);
  expect(ask("?")).toBe("T05thread:1;");
  expect(ask("qfThreadInfo")).toBe("m1,2,3");
  expect(ask("qsThreadInfo")).toBe("l");
  expect(ask("T3")).toBe("OK");
  expect(ask("T4")).toBe("E01");
  expect(ask("Hg2")).toBe("OK");
  expect(ask(`p${(65 + Csr.mhartid).toString(16)}`)).toBe(little(1n));
  expect(ask("qC")).toBe("QC2");
  expect(ask("vMustReplyEmpty")).toBe("");
});

test("the description names the architecture and every register that p knows", () => {
  const { ask } = debugged();
  let text = "";
  let part = "m";
  while (part[0] === "m") {
    part = ask(`qXfer:features:read:target.xml:${text.length.toString(16)},400`);
    text += part.slice(1);
  }
  expect(text).toContain("<architecture>riscv:rv64</architecture>");
  const numbers = [...text.matchAll(/regnum="(\d+)"/g)].map((match) => Number(match[1]));
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const number of numbers) expect(ask(`p${number.toString(16)}`)).toMatch(/^([0-9a-f]{8}){1,2}$/);
  expect(ask("pffff")).toBe("E01");
});

test("registers are read and written, one by one and all at once", () => {
  const { ask, session } = debugged();
  expect(ask(`P${a0.toString(16)}=${little(0x1122_3344_5566_7788n)}`)).toBe("OK");
  const all = ask("g");
  expect(all).toHaveLength(33 * 16);
  expect(all.slice(16 * a0, 16 * a0 + 16)).toBe("8877665544332211");
  expect(all.slice(16 * 32)).toBe(little(BigInt(RAM_START)));
  expect(ask(`G${all.slice(0, 16 * 32)}${little(BigInt(RAM_START + 4))}`)).toBe("OK");
  expect(session.core.pc).toBe(BigInt(RAM_START + 4));
  expect(ask(`P${(65 + Csr.mtvec).toString(16)}=${little(0x8000_0100n)}`)).toBe("OK");
  expect(session.core.csr(Csr.mtvec)).toBe(0x8000_0100n);
  expect(ask("P20")).toBe("E01");
});

test("memory is read and written; where there is none, that is said", () => {
  const { ask } = debugged();
  const place = (RAM_START + 0x1000).toString(16);
  expect(ask(`M${place},4:01020304`)).toBe("OK");
  expect(ask(`X${place},2:}a`)).toBe("OK");
  expect(ask(`m${place},4`)).toBe("7d610304");
  expect(ask("m1000,4")).toBe("E01");
  expect(ask("M1000,1:00")).toBe("E01");
  expect(ask(`M${place},4:01`)).toBe("E01");
});

test("a step is one instruction", () => {
  const { ask, session } = debugged();
  expect(ask("s")).toBe("T05thread:1;");
  expect(session.core.pc).toBe(BigInt(RAM_START + 4));
  expect(ask("vCont;s:1")).toBe("T05thread:1;");
  expect(session.core.pc).toBe(BigInt(RAM_START + 8));
  expect(session.core.instret).toBe(2);
});

test.each([
  ["0", "swbreak"],
  ["1", "hwbreak"],
])("a breakpoint of kind %s stops before its instruction, each time, until it is gone", (kind, note) => {
  const { ask, session } = debugged();
  expect(ask(`Z${kind},${at(2)},4`)).toBe("OK");
  expect(ask(`m${at(2)},4`)).toBe(Buffer.from(asm.bytes([asm.addi(a1, a1, 1)])).toString("hex"));
  for (const rounds of [1, 2, 3]) {
    expect(ask("c")).toBe(`T05thread:1;${note}:;`);
    expect(session.core.pc).toBe(BigInt(RAM_START + 8));
    expect(session.core.x(a0)).toBe(BigInt(rounds));
  }
  expect(ask("s")).toBe("T05thread:1;");
  expect(session.core.pc).toBe(BigInt(RAM_START + 12));
  expect(ask(`z${kind},${at(2)},4`)).toBe("OK");
  expect(ask("c")).toBe("");
  expect(session.core.x(a0)).toBeGreaterThan(100n);
});

test("an interrupt stops a machine that runs", () => {
  const { ask, server, session, target, sent } = debugged();
  expect(ask("c")).toBe("");
  server.receive(Uint8Array.of(3));
  session.run(1000);
  target.settle();
  server.stopped();
  expect(sent.at(-1)).toBe(latin(framed("T02thread:1;")));
});

test("detaching takes the breakpoints away and lets the machine run; killing ends it", () => {
  const { ask, session, target, killed } = debugged();
  ask(`Z0,${at(1)},4`);
  expect(ask("D")).toBe("OK");
  expect(target.stop).toBeUndefined();
  expect(session.core.x(a0)).toBeGreaterThan(100n);
  ask("k");
  expect(killed()).toBe(true);
});

test("no packet, however wrong, harms the stub", () => {
  const { server, target, session, ask } = debugged(2);
  let seed = 1;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % n;
  };
  const letters = "?gGpPmMXcsZzHTDqv0123456789abcdef,;:=#$}-";
  for (let i = 0; i < 3000; i++) {
    const packet = Array.from({ length: random(24) }, () => letters[random(letters.length)]).join("");
    server.receive(framed(packet));
    session.run(100);
    target.settle();
  }
  target.stop ??= { hart: 0, reason: "interrupt" };
  expect(ask("qC")).toMatch(/^QC[12]$/);
});
