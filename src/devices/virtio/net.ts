// Virtual I/O Device (VIRTIO) Version 1.2, "Network Device". It doesn't offer VIRTIO_NET_F_GUEST_TSO4 and the like: what comes
// off a wire are frames, and joining them again is the kernel's business.
import type { Clock, Link, LinkReceiver } from "../../platform/ports.js";
import type { DeviceLink, VirtioDevice } from "./device.js";
import { macAt, PLAIN_MODES, ReceiveFilter, Steering } from "./net-control.js";
import { ETHERNET_BYTES, has, NetFeature, VLAN_BYTES } from "./net-header.js";
import { type ReceiveCounters, Receiver } from "./net-receive.js";
import { type DmaTimes, PCIE_TIMES } from "./dma-times.js";
import { type TransmitCounters, Transmitter } from "./net-transmit.js";
import { BrokenRing, type Chain, gather, scatter, slice, type Virtqueue } from "./queue.js";

const DEVICE_ID = 1;
const CONFIG_BYTES = 24;
const MAC_BYTES = 6;
/** Fields of struct virtio_net_config behind `mac`. */
const enum Field {
  status = 6,
  max_virtqueue_pairs = 8,
  mtu = 10,
}
const LINK_UP = 1;

const enum Class {
  RX = 0,
  MAC = 1,
  MQ = 4,
}
const enum MacCommand {
  TABLE_SET = 0,
  ADDR_SET = 1,
}
const VQ_PAIRS_SET = 0;
const enum Ack {
  OK = 0,
  ERR = 1,
}
/** `class` and `command` before a command's data. */
const COMMAND_BYTES = 2;
const COMMAND_BYTES_MAX = 0x1_0000;

export interface VirtioNetConfig {
  /** Six bytes. */
  readonly mac: readonly number[];
  /** Bytes of the longest packet behind the Ethernet header, 68…65535. */
  readonly mtu: number;
  /** Pairs of a receive and a transmit queue, 1…128, and the largest size of each queue (a power of two). */
  readonly pairs: number;
  readonly queueSize: number;
  readonly times: DmaTimes;
}

export const DEFAULT_NET_CONFIG: VirtioNetConfig = {
  mac: [0x52, 0x54, 0x00, 0x12, 0x34, 0x56],
  mtu: 1500,
  pairs: 1,
  queueSize: 256,
  times: PCIE_TIMES,
};

const ALWAYS = [
  ...[NetFeature.CSUM, NetFeature.GUEST_CSUM, NetFeature.MTU, NetFeature.MAC, NetFeature.HOST_TSO4],
  ...[NetFeature.HOST_TSO6, NetFeature.MRG_RXBUF, NetFeature.STATUS, NetFeature.CTRL_VQ, NetFeature.CTRL_RX],
  ...[NetFeature.CTRL_RX_EXTRA, NetFeature.CTRL_MAC_ADDR],
].reduce((bits, feature) => bits | (1 << feature), 0);

/** The network device, without its transport. */
export class VirtioNet implements VirtioDevice, LinkReceiver {
  readonly deviceId = DEVICE_ID;
  readonly features: number;
  readonly queueSizes: readonly number[];
  readonly config = new Uint8Array(CONFIG_BYTES);
  private readonly view = new DataView(this.config.buffer);
  private readonly settings: VirtioNetConfig;
  private readonly transmitter: Transmitter;
  private readonly receiver: Receiver;
  private readonly filter = new ReceiveFilter(() => this.own);
  private readonly steering = new Steering();
  private own = 0;
  private driver: DeviceLink | undefined;
  private controlQueue = 0;

  constructor({ link, clock }: { link: Link; clock: Clock }, config: Partial<VirtioNetConfig> = {}) {
    this.settings = { ...DEFAULT_NET_CONFIG, ...config };
    const { pairs, queueSize, mtu, times } = this.settings;
    this.features = ALWAYS | (pairs > 1 ? 1 << NetFeature.MQ : 0);
    this.queueSizes = new Array<number>(2 * pairs + 1).fill(queueSize);
    this.view.setUint16(Field.status, link.up ? LINK_UP : 0, true);
    this.view.setUint16(Field.max_virtqueue_pairs, pairs, true);
    this.view.setUint16(Field.mtu, mtu, true);
    this.setMac(this.settings.mac);
    const longest = mtu + ETHERNET_BYTES + VLAN_BYTES;
    const sent = (packet: Uint8Array, pair: number) => this.steering.sent(packet, pair);
    this.transmitter = new Transmitter(link, clock, { times, longest }, sent);
    this.receiver = new Receiver(clock, times);
    link.attach(this);
  }

  get transmitted(): TransmitCounters {
    return this.transmitter.counters;
  }
  get received(): ReceiveCounters {
    return this.receiver.counters;
  }

  private setMac(mac: ArrayLike<number>): void {
    this.config.set(mac);
    this.own = macAt(this.config, 0);
  }

  start(driver: DeviceLink): void {
    this.driver = driver;
    const pairs = has(driver.features, NetFeature.MQ) ? this.settings.pairs : 1;
    this.controlQueue = has(driver.features, NetFeature.CTRL_VQ) ? 2 * pairs : -1;
    const ofPairs = driver.queues.slice(0, 2 * pairs);
    this.receiver.start(
      driver,
      ofPairs.filter((_, index) => index % 2 === 0),
    );
    this.transmitter.start(
      driver,
      ofPairs.filter((_, index) => index % 2 === 1),
    );
  }

  reset(): void {
    this.driver = undefined;
    this.transmitter.reset();
    this.receiver.reset();
    this.filter.reset();
    this.steering.reset();
    this.setMac(this.settings.mac);
  }

  /** Receive buffers are fetched when a frame needs them. */
  notify(index: number): void {
    if (index === this.controlQueue) this.control();
    else if (index % 2 === 1) this.transmitter.notify();
  }

  // ---- the link

  receive(frame: Uint8Array): void {
    const { driver, settings } = this;
    const { counters } = this.receiver;
    if (!driver) counters.unready++;
    else if (frame.length > settings.mtu + ETHERNET_BYTES + VLAN_BYTES) counters.tooLong++;
    else if (!this.wanted(frame, driver)) counters.filtered++;
    else this.receiver.accept(frame, this.steering.of(frame));
  }

  /** A driver that can't say what it wants gets everything. */
  private wanted(frame: Uint8Array, driver: DeviceLink): boolean {
    return frame.length >= ETHERNET_BYTES && (!has(driver.features, NetFeature.CTRL_RX) || this.filter.accepts(frame));
  }

  linkChanged(up: boolean): void {
    this.view.setUint16(Field.status, up ? LINK_UP : 0, true);
    this.driver?.configurationChanged();
  }

  // ---- "Control Virtqueue"

  private control(): void {
    const { driver } = this;
    const queue = driver?.queues[this.controlQueue];
    if (!driver || !queue) return;
    const heads = queue.take();
    const broken = heads instanceof BrokenRing ? heads : this.obeyAll(driver, queue, heads);
    if (broken) driver.broken(broken);
  }

  private obeyAll(driver: DeviceLink, queue: Virtqueue, heads: readonly number[]): BrokenRing | undefined {
    const used: { head: number; written: number }[] = [];
    for (const head of heads) {
      const chain = queue.chain(head);
      if (chain instanceof BrokenRing) return chain;
      if (chain.writableLength < 1) return new BrokenRing("control command without an ack");
      const ack = Uint8Array.of(this.obey(driver, chain) ? Ack.OK : Ack.ERR);
      if (!scatter(driver.dma, slice(chain.writable, 0, 1), ack)) return new BrokenRing("ack unreachable");
      used.push({ head, written: 1 });
    }
    if (used.length > 0) driver.give(queue, used);
    return undefined;
  }

  /** Carries out one command; whether it could be. */
  private obey(driver: DeviceLink, { readable, readableLength }: Chain): boolean {
    if (readableLength < COMMAND_BYTES || readableLength > COMMAND_BYTES_MAX) return false;
    const bytes = gather(driver.dma, readable);
    if (!bytes) return false;
    const data = bytes.subarray(COMMAND_BYTES);
    const [kind, command] = bytes;
    const allowed = (feature: NetFeature) => has(driver.features, feature);
    switch (kind) {
      case Class.RX: {
        const modes = allowed(NetFeature.CTRL_RX_EXTRA) ? undefined : PLAIN_MODES;
        return allowed(NetFeature.CTRL_RX) && this.filter.setMode(command, data, modes);
      }
      case Class.MAC:
        return command === MacCommand.TABLE_SET
          ? allowed(NetFeature.CTRL_RX) && this.filter.setTable(data)
          : command === MacCommand.ADDR_SET && allowed(NetFeature.CTRL_MAC_ADDR) && this.changeMac(data);
      case Class.MQ:
        return command === VQ_PAIRS_SET && allowed(NetFeature.MQ) && this.setPairs(data);
      default:
        return false;
    }
  }

  private changeMac(data: Uint8Array): boolean {
    if (data.length !== MAC_BYTES) return false;
    this.setMac(data);
    return true;
  }

  private setPairs(data: Uint8Array): boolean {
    if (data.length !== 2) return false;
    const pairs = data[0] + data[1] * 256;
    if (pairs < 1 || pairs > this.settings.pairs) return false;
    this.steering.pairs = pairs;
    this.receiver.limit(pairs);
    return true;
  }
}
