import { E1000eController } from "../../../src/devices/e1000e/controller.js";
import type { E1000eConfig } from "../../../src/devices/e1000e/parameters.js";
import type { MessageVectors } from "../../../src/platform/ports.js";
import { Cable, E1000eDriver } from "../../support/e1000e-driver.js";
import { FREQUENCY, World } from "../../support/world.js";

/** A controller on a cable of the test's, not yet set up. */
export function e1000e(config: Partial<E1000eConfig> = {}, messages?: MessageVectors) {
  const world = new World();
  const cable = new Cable(world);
  const { irq, memory, events } = world;
  const controller = new E1000eController({ irq, dma: memory, clock: events, link: cable, messages }, config);
  return { world, cable, controller, driver: new E1000eDriver(controller, world) };
}

/** With rings of both directions. */
export function ready(config: Partial<E1000eConfig> = {}, messages?: MessageVectors) {
  const made = e1000e(config, messages);
  made.driver.setUpTransmit();
  made.driver.setUpReceive();
  made.world.run();
  return made;
}

/** Vectors of a function whose messages are on, and the cycles at which they were raised. */
export class Messages implements MessageVectors {
  readonly count = 5;
  enabled = true;
  readonly raised: number[] = [];
  raise(vector: number): void {
    this.raised.push(vector);
  }
}

export const microseconds = (count: number) => (count * FREQUENCY) / 1e6;
export const MAC = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
const PEER = [0x52, 0x54, 0x00, 0x12, 0x35, 0x02];

/** An Ethernet frame of `length` bytes to `to`: 0x88b5 is for experiments. */
export function frame(length = 64, to = MAC): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => i);
  bytes.set([...to, ...PEER, 0x88, 0xb5]);
  return bytes;
}

const sum = (bytes: Uint8Array, start = 0): number => {
  let total = start;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
};

export interface Tcp {
  sequence?: number;
  flags?: number;
  identification?: number;
}

/** TCP over IPv4 without its checksums: headers of 14, 20 and 20 bytes. */
export function tcpFrame(
  payload: Uint8Array,
  { sequence = 1000, flags = 0x10, identification = 7 }: Tcp = {},
): Uint8Array {
  const bytes = new Uint8Array(54 + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set([...MAC, ...PEER, 0x08, 0x00, 0x45, 0]);
  view.setUint16(16, 40 + payload.length);
  view.setUint16(18, identification);
  bytes.set([64, 6, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2], 22);
  view.setUint16(34, 1234);
  view.setUint16(36, 80);
  view.setUint32(38, sequence);
  bytes.set([0x50, flags, 0x20, 0], 46);
  bytes.set(payload, 54);
  return bytes;
}

/** Sum of the pseudo header with TCP's length in it, or without. */
export const pseudoSum = (bytes: Uint8Array, length: number): number => sum(bytes.subarray(26, 34), 6 + length);

/** Whether both checksums of a frame of tcpFrame's shape are right. */
export function checksumsRight(bytes: Uint8Array): boolean {
  const ip = sum(bytes.subarray(14, 34)) === 0xffff;
  return ip && sum(bytes.subarray(34), pseudoSum(bytes, bytes.length - 34)) === 0xffff;
}

/** A frame of tcpFrame's shape with both checksums. */
export function withChecksums(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer);
  view.setUint16(24, ~sum(bytes.subarray(14, 34)) & 0xffff);
  view.setUint16(50, ~sum(bytes.subarray(34), pseudoSum(bytes, bytes.length - 34)) & 0xffff);
  return bytes;
}

/** A frame with an 802.1Q tag behind its addresses. */
export function tagged(bytes: Uint8Array, tag: number): Uint8Array {
  return Uint8Array.from([...bytes.subarray(0, 12), 0x81, 0x00, tag >>> 8, tag & 0xff, ...bytes.subarray(12)]);
}
