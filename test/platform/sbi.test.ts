// RISC-V Supervisor Binary Interface Specification 2.0
import { expect, test } from "vitest";
import { Console } from "../../src/platform/console.js";
import {
  answerEcall,
  Eid,
  legacySbiCall,
  type SbiContext,
  SbiError,
  sbiCall,
  singleHart,
} from "../../src/platform/sbi.js";

const RAM = 0x8000_0000;
const SIZE = 0x2000;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;

function environment() {
  const log: string[] = [];
  const console = new Console();
  const memory = new Uint8Array(SIZE);
  const inside = (address: number, length: number) => address >= RAM && address + length <= RAM + SIZE;
  const ctx: SbiContext = {
    console,
    harts: singleHart(() => log.push("ipi")),
    setTimer: (ticks) => log.push(`timer ${ticks}`),
    shutdown: (failed) => log.push(failed ? "shutdown failed" : "shutdown"),
    reboot: () => log.push("reboot"),
    load: (at, length) => (inside(at, length) ? memory.subarray(at - RAM, at - RAM + length) : undefined),
    store: (at, bytes) => {
      if (inside(at, bytes.length)) memory.set(bytes, at - RAM);
      return inside(at, bytes.length);
    },
    regionOfInterest: (id, begin) => log.push(`${begin ? "begin" : "end"} ${id}`),
  };
  const call = (eid: number, fid: number, ...args: (number | bigint)[]) =>
    sbiCall(ctx, BigInt(eid), BigInt(fid), [...args, 0, 0, 0, 0, 0, 0].map(BigInt));
  return { ctx, log, console, memory, call };
}
const success = (value: number | bigint) => ({ error: SbiError.SUCCESS, value: BigInt(value) });

test("Base Extension: version 2.0, and a probe of each extension", () => {
  const { call } = environment();
  expect(call(Eid.BASE, 0)).toEqual(success(0x0200_0000));
  for (const eid of [Eid.BASE, Eid.TIME, Eid.IPI, Eid.RFENCE, Eid.HSM, Eid.SRST, Eid.DBCN, Eid.YADO]) {
    expect(call(Eid.BASE, 3, eid)).toEqual(success(1));
  }
  expect(call(Eid.BASE, 3, 0x504d55)).toEqual(success(0));
  for (const fid of [1, 2, 4, 5, 6]) expect(call(Eid.BASE, fid).error).toBe(SbiError.SUCCESS);
});

test("unknown extensions and functions are not supported", () => {
  const { call } = environment();
  expect(call(0x504d55, 0).error).toBe(SbiError.NOT_SUPPORTED);
  for (const eid of [Eid.BASE, Eid.TIME, Eid.HSM, Eid.SRST, Eid.DBCN, Eid.YADO]) {
    expect(call(eid, 9).error).toBe(SbiError.NOT_SUPPORTED);
  }
});

test("Timer Extension passes all 64 bits", () => {
  const { call, log } = environment();
  call(Eid.TIME, 0, ALL_ONES);
  expect(log).toEqual(["timer 18446744073709551615"]);
});

test("System Reset Extension: types, reasons, reserved values", () => {
  const { call, log } = environment();
  call(Eid.SRST, 0, 0, 0);
  call(Eid.SRST, 0, 0, 1);
  call(Eid.SRST, 0, 1, 0);
  expect(log).toEqual(["shutdown", "shutdown failed", "reboot"]);
  expect(call(Eid.SRST, 0, 3, 0).error).toBe(SbiError.INVALID_PARAM);
  expect(call(Eid.SRST, 0, 0, 2).error).toBe(SbiError.INVALID_PARAM);
});

test("Debug Console Extension: writes what is in RAM, and nothing else", () => {
  const { call, console, memory } = environment();
  memory.set(new TextEncoder().encode("hello"), 16);
  expect(call(Eid.DBCN, 0, 5, RAM + 16, 0)).toEqual(success(5));
  expect(call(Eid.DBCN, 2, 0x121)).toEqual(success(0));
  expect(console.text()).toBe("hello!");
  for (const [count, lo, hi] of [
    [5n, 0n, 0n],
    [5n, BigInt(RAM + SIZE - 4), 0n],
    [ALL_ONES, BigInt(RAM), 0n],
    [5n, BigInt(RAM), 1n],
    [5n, ALL_ONES, ALL_ONES],
  ]) {
    expect(call(Eid.DBCN, 0, count, lo, hi).error).toBe(SbiError.INVALID_PARAM);
    expect(call(Eid.DBCN, 1, count, lo, hi).error).toBe(SbiError.INVALID_PARAM);
  }
  expect(console.text()).toBe("hello!");
});

test("Debug Console Extension: a long write is partial and says so", () => {
  const { call } = environment();
  expect(call(Eid.DBCN, 0, SIZE, RAM, 0)).toEqual(success(4096));
});

test("Debug Console Extension: reads what was typed, without waiting", () => {
  const { call, console, memory } = environment();
  expect(call(Eid.DBCN, 1, 8, RAM, 0)).toEqual(success(0));
  console.type("abc");
  expect(call(Eid.DBCN, 1, 2, RAM, 0)).toEqual(success(2));
  expect(call(Eid.DBCN, 1, 8, RAM + 2, 0)).toEqual(success(1));
  expect([...memory.subarray(0, 4)]).toEqual([0x61, 0x62, 0x63, 0]);
});

test("HSM, IPI and RFENCE know hart 0 alone", () => {
  const { call, log } = environment();
  expect(call(Eid.HSM, 2, 0)).toEqual(success(0));
  expect(call(Eid.HSM, 2, 1).error).toBe(SbiError.INVALID_PARAM);
  expect(call(Eid.HSM, 0, 0).error).toBe(SbiError.ALREADY_AVAILABLE);
  expect(call(Eid.IPI, 0, 1, 0).error).toBe(SbiError.SUCCESS);
  expect(call(Eid.IPI, 0, 0, ALL_ONES).error).toBe(SbiError.SUCCESS);
  expect(log).toEqual(["ipi", "ipi"]);
  expect(call(Eid.IPI, 0, 2, 0).error).toBe(SbiError.INVALID_PARAM);
  expect(call(Eid.RFENCE, 1, 1, 0).error).toBe(SbiError.SUCCESS);
  expect(call(Eid.RFENCE, 0, 1, 1).error).toBe(SbiError.INVALID_PARAM);
});

test("Yado's extension: version, regions; translation only where a provider offers it", () => {
  const { ctx, call, log } = environment();
  expect(call(Eid.YADO, 0)).toEqual(success(1));
  call(Eid.YADO, 2, 1);
  call(Eid.YADO, 3, 1);
  expect(log).toEqual(["begin 1", "end 1"]);
  expect(call(Eid.YADO, 1, RAM, 64).error).toBe(SbiError.NOT_SUPPORTED);
  ctx.translate = (at, length) => (length <= 4096 ? BigInt(at) + 0x100_0000n : undefined);
  expect(call(Eid.YADO, 1, RAM, 64)).toEqual(success(0x8100_0000));
  expect(call(Eid.YADO, 1, RAM, 8192).error).toBe(SbiError.INVALID_ADDRESS);
});

test("Legacy Extensions answer in a0 alone; ECALL keeps every other register", () => {
  const { ctx, log, console } = environment();
  const x = Array.from({ length: 32 }, (_, i) => BigInt(1000 + i));
  const regs = {
    x: (i: number) => x[i],
    setX: (i: number, value: bigint) => {
      x[i] = BigInt.asUintN(64, value);
    },
  };
  x[17] = BigInt(Eid.LEGACY_PUTCHAR);
  x[10] = 0x21n;
  const before = [...x];
  answerEcall(ctx, regs);
  expect(x).toEqual(before.with(10, 0n));
  expect(console.text()).toBe("!");
  x[17] = 0x1234_5678n;
  answerEcall(ctx, regs);
  expect([x[10], x[11]]).toEqual([BigInt.asUintN(64, -2n), 0n]);
  expect(legacySbiCall(ctx, BigInt(Eid.LEGACY_GETCHAR), [])).toBe(-1n);
  expect(legacySbiCall(ctx, BigInt(Eid.LEGACY_SHUTDOWN), [])).toBe(0n);
  expect(log).toEqual(["shutdown"]);
});
