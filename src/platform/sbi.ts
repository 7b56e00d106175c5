// RISC-V Supervisor Binary Interface Specification 2.0: the functions, apart from who provides them. The board's
// firmware and the VMM both answer calls with these.
import type { ConsolePort } from "./ports.js";

/** Standard SBI errors. */
export const enum SbiError {
  SUCCESS = 0,
  FAILED = -1,
  NOT_SUPPORTED = -2,
  INVALID_PARAM = -3,
  DENIED = -4,
  INVALID_ADDRESS = -5,
  ALREADY_AVAILABLE = -6,
}

/** Extension IDs. */
export const enum Eid {
  LEGACY_SET_TIMER = 0x00,
  LEGACY_PUTCHAR = 0x01,
  LEGACY_GETCHAR = 0x02,
  LEGACY_SHUTDOWN = 0x08,
  BASE = 0x10,
  TIME = 0x5449_4d45,
  IPI = 0x73_5049,
  RFENCE = 0x5246_4e43,
  HSM = 0x48_534d,
  SRST = 0x5352_5354,
  DBCN = 0x4442_434e,
  /** Yado's own, in the experimental space. */
  YADO = 0x0859_4144,
}

/** Functions of Yado's extension. */
export const enum YadoFid {
  VERSION = 0,
  /** (guest-physical address, length) → bus address. */
  TRANSLATE = 1,
  /** (id) → 0: what follows is the region of interest. */
  REGION_BEGIN = 2,
  REGION_END = 3,
}

const SPEC_VERSION = 2 << 24;
/** "YADO": no number is assigned to Yado. */
const IMPLEMENTATION_ID = 0x5941_444f;
const IMPLEMENTATION_VERSION = 1;
const YADO_VERSION = 1;
/** Most bytes that one debug console call moves. */
const CONSOLE_CHUNK = 4096;

/** The harts that a provider of the SBI has, by their hart ids 0…count - 1. */
export interface SbiHarts {
  readonly count: number;
  /** Raises the supervisor software interrupt. */
  interrupt(hart: number): void;
  /** Makes the hart see instructions as they are in memory. */
  fenceI(hart: number): void;
  /** Drops the hart's translations of both stages. */
  fence(hart: number): void;
  status(hart: number): HartStatus;
  /** Starts a stopped hart in S-mode at `start`, with a0 = hart, a1 = `opaque`. */
  start(hart: number, start: bigint, opaque: bigint): void;
  /** Stops the calling hart; false where that can't be done. */
  stop(): boolean;
  /** The calling hart waits for an interrupt. */
  suspend(): void;
}

/** A provider with the calling hart alone. */
export function singleHart(interrupt: () => void): SbiHarts {
  const nothing = () => {};
  return {
    count: 1,
    interrupt,
    fenceI: nothing,
    fence: nothing,
    status: () => HartStatus.STARTED,
    start: nothing,
    stop: () => false,
    suspend: nothing,
  };
}

/** What the provider of the SBI gives its functions. Addresses are physical as the caller knows them. */
export interface SbiContext {
  readonly console: ConsolePort;
  readonly harts: SbiHarts;
  /** Programs the supervisor's timer, in ticks of `time`. */
  setTimer(ticks: bigint): void;
  /** Ends the caller's machine. */
  shutdown(failed: boolean): void;
  reboot(): void;
  /** Bytes of the caller's RAM, or undefined when not all of it is. */
  load(address: number, length: number): Uint8Array | undefined;
  /** Writes the caller's RAM; false when not all of it is. */
  store(address: number, bytes: Uint8Array): boolean;
  /** Bus address for DMA to the caller's memory; undefined where the service isn't offered. */
  translate?(address: number, length: number): bigint | undefined;
  regionOfInterest(id: number, begin: boolean): void;
}

export interface SbiResult {
  error: SbiError;
  value: bigint;
}

const ok = (value: number | bigint = 0n): SbiResult => ({ error: SbiError.SUCCESS, value: BigInt(value) });
const failed = (error: SbiError): SbiResult => ({ error, value: 0n });

type SbiFunction = (ctx: SbiContext, args: readonly bigint[]) => SbiResult;
const low32 = (value: bigint): number => Number(BigInt.asUintN(32, value));

const base: readonly SbiFunction[] = [
  () => ok(SPEC_VERSION),
  () => ok(IMPLEMENTATION_ID),
  () => ok(IMPLEMENTATION_VERSION),
  (_, [eid]) => ok(extensions.has(low32(eid)) ? 1 : 0),
  () => ok(),
  () => ok(),
  () => ok(),
];

const time: readonly SbiFunction[] = [
  (ctx, [ticks]) => {
    ctx.setTimer(ticks);
    return ok();
  },
];

/** `hart_mask_base` that means all harts. */
const ALL_HARTS = 0xffff_ffff_ffff_ffffn;

/** The harts that a mask names, or undefined when it names one that isn't there. */
function hartsOf(ctx: SbiContext, mask: bigint, base: bigint): number[] | undefined {
  const { count } = ctx.harts;
  if (base === ALL_HARTS) return Array.from({ length: count }, (_, hart) => hart);
  const named = mask << (base > 64n ? 64n : base);
  if (named >> BigInt(count) !== 0n) return undefined;
  return Array.from({ length: count }, (_, hart) => hart).filter((hart) => (named >> BigInt(hart)) & 1n);
}

/** A function whose first arguments are a hart mask: does `what` to each hart of it. */
function toHarts(what: (harts: SbiHarts, hart: number) => void): SbiFunction {
  return (ctx, [mask, base]) => {
    const harts = hartsOf(ctx, mask, base);
    if (!harts) return failed(SbiError.INVALID_PARAM);
    for (const hart of harts) what(ctx.harts, hart);
    return ok();
  };
}

const ipi: readonly SbiFunction[] = [toHarts((harts, hart) => harts.interrupt(hart))];

const fenceI = toHarts((harts, hart) => harts.fenceI(hart));
/** Fences of an address range, an ASID, a VMID: more than was asked for is always allowed. */
const fence = toHarts((harts, hart) => harts.fence(hart));

/** hart_state of the Hart State Management Extension, as far as harts have them here. */
export const enum HartStatus {
  STARTED = 0,
  STOPPED = 1,
  SUSPENDED = 4,
}
const SUSPEND_NON_RETENTIVE = 0x8000_0000;

const hsm: readonly SbiFunction[] = [
  (ctx, [hart, start, opaque]) => {
    if (hart >= BigInt(ctx.harts.count)) return failed(SbiError.INVALID_PARAM);
    if (ctx.harts.status(Number(hart)) !== HartStatus.STOPPED) return failed(SbiError.ALREADY_AVAILABLE);
    if (!ctx.load(Number(start), 2)) return failed(SbiError.INVALID_ADDRESS);
    ctx.harts.start(Number(hart), start, opaque);
    return ok();
  },
  (ctx) => (ctx.harts.stop() ? ok() : failed(SbiError.FAILED)),
  (ctx, [hart]) =>
    hart < BigInt(ctx.harts.count) ? ok(ctx.harts.status(Number(hart))) : failed(SbiError.INVALID_PARAM),
  (ctx, [type]) => {
    const kind = low32(type);
    if (kind === 0) {
      ctx.harts.suspend();
      return ok();
    }
    return failed(kind === SUSPEND_NON_RETENTIVE ? SbiError.NOT_SUPPORTED : SbiError.INVALID_PARAM);
  },
];

const srst: readonly SbiFunction[] = [
  (ctx, [type, reason]) => {
    const kind = low32(type);
    const why = low32(reason);
    if (kind > 2 || why > 1) return failed(SbiError.INVALID_PARAM);
    if (kind === 0) ctx.shutdown(why === 1);
    else ctx.reboot();
    return ok();
  },
];

/** An address in two registers as a number; one too large for memory stays too large. */
const address = (lo: bigint, hi: bigint): number => Number(lo) + Number(hi) * 2 ** 64;

const dbcn: readonly SbiFunction[] = [
  (ctx, [count, lo, hi]) => {
    const bytes = ctx.load(address(lo, hi), Number(count));
    if (!bytes) return failed(SbiError.INVALID_PARAM);
    const sent = bytes.subarray(0, CONSOLE_CHUNK);
    for (const byte of sent) ctx.console.write(byte);
    return ok(sent.length);
  },
  (ctx, [count, lo, hi]) => {
    const to = address(lo, hi);
    const room = Number(count);
    if (!ctx.load(to, room)) return failed(SbiError.INVALID_PARAM);
    const bytes: number[] = [];
    while (bytes.length < room && bytes.length < CONSOLE_CHUNK) {
      const byte = ctx.console.take();
      if (byte < 0) break;
      bytes.push(byte);
    }
    ctx.store(to, Uint8Array.from(bytes));
    return ok(bytes.length);
  },
  (ctx, [byte]) => {
    ctx.console.write(Number(byte & 0xffn));
    return ok();
  },
];

function region(begin: boolean): SbiFunction {
  return (ctx, [id]) => {
    ctx.regionOfInterest(low32(id), begin);
    return ok();
  };
}

const yado: readonly SbiFunction[] = [
  () => ok(YADO_VERSION),
  (ctx, [guestAddress, length]) => {
    if (!ctx.translate) return failed(SbiError.NOT_SUPPORTED);
    const bus = ctx.translate(Number(guestAddress), Number(length));
    return bus === undefined ? failed(SbiError.INVALID_ADDRESS) : ok(bus);
  },
  region(true),
  region(false),
];

const extensions = new Map<number, readonly SbiFunction[]>([
  [Eid.BASE, base],
  [Eid.TIME, time],
  [Eid.IPI, ipi],
  [Eid.RFENCE, [fenceI, fence, fence, fence, fence, fence, fence]],
  [Eid.HSM, hsm],
  [Eid.SRST, srst],
  [Eid.DBCN, dbcn],
  [Eid.YADO, yado],
]);

/** Answers the call (EID, FID, a0…a5). */
export function sbiCall(ctx: SbiContext, eid: bigint, fid: bigint, args: readonly bigint[]): SbiResult {
  const fn = extensions.get(low32(eid))?.[low32(fid)];
  return fn ? fn(ctx, args) : failed(SbiError.NOT_SUPPORTED);
}

/** Answers a legacy call (EID 0…0xf): the value of a0, or undefined when there is no such extension. */
export function legacySbiCall(ctx: SbiContext, eid: bigint, args: readonly bigint[]): bigint | undefined {
  switch (low32(eid)) {
    case Eid.LEGACY_SET_TIMER:
      ctx.setTimer(args[0]);
      return 0n;
    case Eid.LEGACY_PUTCHAR:
      ctx.console.write(Number(args[0] & 0xffn));
      return 0n;
    case Eid.LEGACY_GETCHAR:
      return BigInt(ctx.console.take());
    case Eid.LEGACY_SHUTDOWN:
      ctx.shutdown(false);
      return 0n;
    default:
      return undefined;
  }
}

const A0 = 10;
const A6 = 16;
const A7 = 17;

/** The registers of an ECALL: reads EID, FID and arguments, answers in a0 and a1. */
export function answerEcall(
  ctx: SbiContext,
  regs: { x(i: number): bigint; setX(i: number, value: bigint): void },
): void {
  const args = [0, 1, 2, 3, 4, 5].map((i) => regs.x(A0 + i));
  const eid = regs.x(A7);
  const legacy = legacySbiCall(ctx, eid, args);
  if (legacy !== undefined) {
    regs.setX(A0, legacy);
    return;
  }
  const { error, value } = sbiCall(ctx, eid, regs.x(A6), args);
  regs.setX(A0, BigInt(error));
  regs.setX(A0 + 1, value);
}
