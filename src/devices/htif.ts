// HTIF, the host-target interface of programs written for Spike and the Berkeley simulators: the doublewords tohost and fromhost.
// What is stored in tohost is a command: device (8 bits), command (8 bits), payload (48 bits).
import { Access, type Clock, type ConsolePort, type MmioDevice } from "../platform/ports.js";

export interface HtifPorts {
  readonly clock: Clock;
  readonly console: ConsolePort;
  readonly memory: HtifMemory;
  /** The program is done; code 0 is success. */
  finish(code: number): void;
}

/** Memory as HTIF reaches it, by physical address; what isn't RAM reads as undefined and takes nothing. */
export interface HtifMemory {
  read(address: number, length: number): Uint8Array | undefined;
  write(address: number, bytes: Uint8Array): void;
}

/** Where the doublewords lie; a program without answers has no fromhost. */
export interface HtifPlaces {
  readonly tohost: number;
  readonly fromhost?: number;
}

const enum Device {
  System = 0,
  Console = 1,
}
const enum ConsoleCommand {
  Read = 0,
  Write = 1,
}
/** Linux system calls for RISC-V, as far as they are done for the program. */
const enum Call {
  Read = 63,
  Write = 64,
  Exit = 93,
}
const EFAULT = -14n;
const ENOSYS = -38n;
/** A call's number, arguments and result: 8 doublewords. */
const FRAME = 64;
/** Most bytes that one call writes: the rest is for another call, as with any file. */
const MOST_WRITTEN = 4096;
/** Cycles between two looks for a byte that a program waits for. */
const TYPED = 150_000;

/** The doubleword tohost as a device: bytes stored there go to memory, and are looked at when the store is done. */
export class Htif implements MmioDevice {
  private looking = false;
  private reading = false;

  constructor(
    private readonly ports: HtifPorts,
    private readonly places: HtifPlaces,
  ) {}

  read(offset: number, size: number): number {
    const bytes = this.ports.memory.read(this.places.tohost + offset, size) ?? [];
    return [...bytes].reduceRight((value, byte) => value * 256 + byte, 0);
  }

  write(offset: number, size: number, value: number): Access {
    const bytes = Uint8Array.from({ length: size }, (_, i) => value >>> (8 * i));
    this.ports.memory.write(this.places.tohost + offset, bytes);
    if (!this.looking) this.ports.clock.after(0, () => this.poll());
    this.looking = true;
    return Access.Ok;
  }

  reset(): void {
    this.reading = false;
  }

  /** Does what tohost asks for. Needed from outside only for what is stored there by other means than a store. */
  poll(): void {
    this.looking = false;
    const command = this.load(this.places.tohost);
    if (command === undefined || command === 0n) return;
    const device = Number(command >> 56n);
    const payload = command & 0xffff_ffff_ffffn;
    if (device === Device.System && payload & 1n) {
      this.ports.finish(Number(payload >> 1n));
      return;
    }
    this.store(this.places.tohost, 0n);
    if (device === Device.System) this.call(Number(payload));
    else if (device === Device.Console) this.talk(Number(command >> 48n) & 255, Number(payload & 255n));
  }

  private talk(command: number, byte: number): void {
    if (command === ConsoleCommand.Write) this.ports.console.write(byte);
    else if (command === ConsoleCommand.Read && !this.reading) {
      this.reading = true;
      this.listen();
    }
  }

  private listen(): void {
    if (!this.reading) return;
    const byte = this.ports.console.take();
    if (byte < 0) {
      this.ports.clock.after(TYPED, () => this.listen());
      return;
    }
    this.reading = false;
    this.answer((BigInt(Device.Console) << 56n) | BigInt(byte));
  }

  private call(frame: number): void {
    const { memory, finish } = this.ports;
    const bytes = memory.read(frame, FRAME);
    if (!bytes) return;
    const words = new BigUint64Array(bytes.slice().buffer);
    const [number, a0, a1, a2] = [...words].map(Number);
    if (number === Call.Exit) {
      finish(Number(BigInt.asUintN(32, words[1])));
      return;
    }
    this.store(frame, this.result(number, [a0, a1, a2]));
    this.answer(1n);
  }

  private result(number: number, [file, address, length]: readonly [number, number, number]): bigint {
    const { memory, console } = this.ports;
    if (number === Call.Write && (file === 1 || file === 2)) {
      const bytes = memory.read(address, Math.min(length, MOST_WRITTEN));
      for (const byte of bytes ?? []) console.write(byte);
      return bytes ? BigInt(bytes.length) : EFAULT;
    }
    return number === Call.Read && file === 0 ? 0n : ENOSYS;
  }

  private answer(value: bigint): void {
    if (this.places.fromhost !== undefined) this.store(this.places.fromhost, value);
  }

  private load(address: number): bigint | undefined {
    const bytes = this.ports.memory.read(address, 8);
    return bytes && new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }

  private store(address: number, value: bigint): void {
    this.ports.memory.write(address, new Uint8Array(BigUint64Array.of(value).buffer));
  }
}
