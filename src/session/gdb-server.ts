// GDB, "GDB Remote Serial Protocol": what a debugger's packets ask of the machine. Harts are threads, numbered from 1.
import type { Debugger, Stop } from "./debugger.js";
import { framed, GdbReader } from "./gdb-packets.js";
import { GDB_REGISTERS, GENERAL_REGISTERS, targetDescription } from "./gdb-target.js";

/** What the debugger's end of the line wants of its surroundings. */
export interface GdbPorts {
  send(bytes: Uint8Array): void;
  /** The machine is to go on. */
  resumed(): void;
  /** The machine is to end. */
  kill(): void;
}

const PACKET_SIZE = 0x4000;
const OK = "OK";
const ERROR = "E01";
const UNKNOWN = "";
/** Signals of stop replies: SIGINT, SIGTRAP. */
const SIGNALS: Readonly<Record<Stop["reason"], string>> = {
  start: "05",
  step: "05",
  software: "05",
  hardware: "05",
  interrupt: "02",
};
const NOTES: Readonly<Record<Stop["reason"], string>> = {
  start: "",
  step: "",
  software: "swbreak:;",
  hardware: "hwbreak:;",
  interrupt: "",
};

const hex = (bytes: Iterable<number>): string => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const unhex = (text: string): Uint8Array | undefined =>
  /^([0-9a-f]{2})*$/i.test(text)
    ? Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
    : undefined;
const littleEndian = (value: bigint, size: number): string =>
  hex(Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn)));
const fromLittleEndian = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, b) => (sum << 8n) | BigInt(b), 0n);

/** One connection. */
export class GdbServer {
  private readonly reader = new GdbReader();
  private acknowledging = true;
  private last = framed("");
  /** Harts that register and step packets mean, by letter of the H packet. */
  private hart = { g: 0, c: 0 };

  constructor(
    private readonly target: Debugger,
    private readonly ports: GdbPorts,
  ) {}

  receive(bytes: Uint8Array): void {
    for (const event of this.reader.feed(bytes)) {
      if (event.kind === "interrupt") this.target.interrupt();
      else if (event.kind === "resend") this.ports.send(this.last);
      else if (event.kind === "damaged") this.acknowledge("-");
      else {
        this.acknowledge("+");
        const reply = this.answer(event.data);
        if (reply !== undefined) this.reply(reply);
      }
    }
  }

  /** Tells that the machine stands still again. */
  stopped(): void {
    this.reply(this.stopReply());
  }

  /** Tells that the machine is no more. */
  ended(code: number): void {
    this.reply(`W${(code & 0xff).toString(16).padStart(2, "0")}`);
  }

  private acknowledge(mark: "+" | "-"): void {
    if (this.acknowledging) this.ports.send(Uint8Array.of(mark.charCodeAt(0)));
  }

  private reply(data: string): void {
    this.last = framed(data);
    this.ports.send(this.last);
  }

  private stopReply(): string {
    const stop = this.target.stop ?? { hart: 0, reason: "interrupt" };
    this.hart = { g: stop.hart, c: stop.hart };
    return `T${SIGNALS[stop.reason]}thread:${stop.hart + 1};${NOTES[stop.reason]}`;
  }

  /** The answer, or undefined when it comes later. */
  private answer(data: string): string | undefined {
    const rest = data.slice(1);
    switch (data[0]) {
      case "?":
        return this.stopReply();
      case "g":
        return this.general((i) => littleEndian(GDB_REGISTERS.get(i)!.read(this.target, this.hart.g), 8));
      case "G":
        return this.setGeneral(rest);
      case "p":
        return this.register(Number.parseInt(rest, 16));
      case "P":
        return this.setRegister(rest);
      case "m":
        return this.memory(rest);
      case "M":
      case "X":
        return this.setMemory(rest, data[0]);
      case "c":
      case "s":
      case "C":
      case "S":
        return this.goOn(data);
      case "Z":
      case "z":
        return this.breakpoint(data[0] === "Z", rest);
      case "H":
        return this.select(rest);
      case "T":
        return this.threadOf(rest) === undefined ? ERROR : OK;
      case "D":
        this.target.detach();
        this.reply(OK);
        this.ports.resumed();
        return undefined;
      case "k":
        this.ports.kill();
        return undefined;
      case "q":
      case "Q":
      case "v":
        return this.named(data);
      default:
        return UNKNOWN;
    }
  }

  private named(data: string): string | undefined {
    const { target } = this;
    const harts = Array.from({ length: target.harts }, (_, hart) => (hart + 1).toString(16));
    if (data.startsWith("qSupported")) {
      return `PacketSize=${PACKET_SIZE.toString(16)};qXfer:features:read+;vContSupported+;swbreak+;hwbreak+;QStartNoAckMode+`;
    }
    if (data === "QStartNoAckMode") {
      this.acknowledging = false;
      return OK;
    }
    if (data.startsWith("qXfer:features:read:target.xml:")) return this.description(data.split(":")[4]);
    if (data === "qAttached") return "1";
    if (data === "qC") return `QC${(this.hart.g + 1).toString(16)}`;
    if (data === "qfThreadInfo") return `m${harts.join(",")}`;
    if (data === "qsThreadInfo") return "l";
    if (data.startsWith("qThreadExtraInfo,")) {
      const hart = this.threadOf(data.slice(17));
      return hart === undefined ? ERROR : hex(new TextEncoder().encode(`hart ${hart}, ${target.status(hart)}`));
    }
    if (data === "vCont?") return "vCont;c;C;s;S";
    if (data.startsWith("vCont;")) return this.goOnBy(data.slice(6));
    if (data.startsWith("vKill")) {
      this.reply(OK);
      this.ports.kill();
      return undefined;
    }
    return UNKNOWN;
  }

  private description(place = ""): string {
    const [offset, length] = place.split(",").map((part) => Number.parseInt(part, 16));
    const text = targetDescription();
    if (!(offset >= 0 && length > 0)) return ERROR;
    const end = Math.min(offset + length, text.length);
    return (end === text.length ? "l" : "m") + text.slice(offset, end);
  }

  // ---- threads

  /** The hart of a thread's number; undefined when there is none. 0 and -1 mean any. */
  private threadOf(text: string): number | undefined {
    const number = text.startsWith("-") ? -1 : Number.parseInt(text, 16);
    if (number === 0 || number === -1) return this.hart.g;
    return number >= 1 && number <= this.target.harts ? number - 1 : undefined;
  }

  private select(text: string): string {
    const hart = this.threadOf(text.slice(1));
    if (hart === undefined || (text[0] !== "g" && text[0] !== "c")) return ERROR;
    this.hart[text[0]] = hart;
    return OK;
  }

  // ---- going on

  private resume(step: number | undefined): undefined {
    this.target.resume(step);
    this.ports.resumed();
    return undefined;
  }

  /** c, s with an address; C, S with a signal, which the machine doesn't have. */
  private goOn(data: string): string | undefined {
    const steps = data[0] === "s" || data[0] === "S";
    const address = data[0] === "c" || data[0] === "s" ? data.slice(1) : (data.split(";")[1] ?? "");
    if (address !== "") {
      if (!/^[0-9a-f]{1,16}$/i.test(address)) return ERROR;
      this.target.setPc(this.hart.c, BigInt(`0x${address}`));
    }
    return this.resume(steps ? this.hart.c : undefined);
  }

  /** vCont: the first action that steps decides; all others run meanwhile. */
  private goOnBy(actions: string): string | undefined {
    for (const action of actions.split(";")) {
      const [what, thread] = action.split(":");
      if (!/^[cs]$|^[CS][0-9a-f]{2}$/i.test(what)) return ERROR;
      if (what[0].toLowerCase() !== "s") continue;
      const hart = thread === undefined ? this.hart.c : this.threadOf(thread);
      return hart === undefined ? ERROR : this.resume(hart);
    }
    return this.resume(undefined);
  }

  private breakpoint(insert: boolean, text: string): string {
    const match = /^([01]),([0-9a-f]{1,16}),([0-9a-f]+)/i.exec(text);
    if (!match) return UNKNOWN; // watchpoints
    const kind = match[1] === "0" ? "software" : "hardware";
    const address = BigInt(`0x${match[2]}`);
    if (!insert) this.target.remove(kind, address);
    else if (!this.target.insert(kind, address, Number.parseInt(match[3], 16), this.hart.g)) return ERROR;
    return OK;
  }

  // ---- registers and memory

  private general(of: (i: number) => string): string {
    return Array.from({ length: GENERAL_REGISTERS }, (_, i) => of(i)).join("");
  }

  private setGeneral(text: string): string {
    const bytes = unhex(text);
    if (!bytes || bytes.length < GENERAL_REGISTERS * 8) return ERROR;
    for (let i = 0; i < GENERAL_REGISTERS; i++) {
      GDB_REGISTERS.get(i)!.write(this.target, this.hart.g, fromLittleEndian(bytes.subarray(8 * i, 8 * i + 8)));
    }
    return OK;
  }

  private register(number: number): string {
    const register = GDB_REGISTERS.get(number);
    return register ? littleEndian(register.read(this.target, this.hart.g), register.size) : ERROR;
  }

  private setRegister(text: string): string {
    const [number, value] = text.split("=");
    const register = GDB_REGISTERS.get(Number.parseInt(number, 16));
    const bytes = unhex(value ?? "");
    if (!register || bytes?.length !== register.size) return ERROR;
    register.write(this.target, this.hart.g, fromLittleEndian(bytes));
    return OK;
  }

  private memory(text: string): string {
    const match = /^([0-9a-f]{1,16}),([0-9a-f]{1,8})$/i.exec(text);
    if (!match) return ERROR;
    const length = Math.min(Number.parseInt(match[2], 16), PACKET_SIZE / 2 - 16);
    const bytes = this.target.read(this.hart.g, BigInt(`0x${match[1]}`), length);
    return bytes.length === 0 && length > 0 ? ERROR : hex(bytes);
  }

  /** M addr,length:hex; X addr,length:bytes. */
  private setMemory(text: string, form: "M" | "X"): string {
    const match = /^([0-9a-f]{1,16}),([0-9a-f]{1,8}):([\s\S]*)$/i.exec(text);
    if (!match) return ERROR;
    const bytes = form === "M" ? unhex(match[3]) : Uint8Array.from(match[3], (letter) => letter.charCodeAt(0));
    if (bytes?.length !== Number.parseInt(match[2], 16)) return ERROR;
    return this.target.write(this.hart.g, BigInt(`0x${match[1]}`), bytes) ? OK : ERROR;
  }
}
