// Hosts on a network in virtual time, without a machine.
import { buildNetwork, type NetworkConfig } from "../../src/backends/network/index.js";
import { Host } from "../../src/backends/network/peer/host.js";
import { parseIpv4, parseMac } from "../../src/backends/network/peer/packet.js";
import { EventQueue } from "../../src/platform/events.js";
import type { Link } from "../../src/platform/ports.js";

export const FREQUENCY = 1_500_000_000;
export const MILLISECOND = FREQUENCY / 1000;

/** A clock that jumps from event to event. */
export class VirtualTime {
  private cycle = 0;
  readonly clock = new EventQueue(() => this.cycle, FREQUENCY);

  /** Runs until no event is due within `cycles`; the time is then `cycles` later. */
  run(cycles: number): void {
    const end = this.cycle + cycles;
    while (this.clock.next() <= end) this.step();
    this.cycle = end;
  }

  /** Runs until `done`, at most for `cycles`; cycles that it took. */
  runUntil(done: () => boolean, cycles: number): number {
    const start = this.cycle;
    while (!done() && this.clock.next() <= start + cycles) this.step();
    return this.cycle - start;
  }

  private step(): void {
    this.cycle = Math.max(this.cycle, this.clock.next());
    this.clock.runDue(this.cycle);
  }
}

export const ip = (text: string) => parseIpv4(text)!;
export const PEER = ip("10.0.2.2");
export const GUEST = ip("10.0.2.15");
export const GUEST_MAC = parseMac("52:54:00:12:34:56")!;

/** A host like the peer's at a guest's link, in place of the guest. */
export function guestHost(link: Link, clock: EventQueue, n = 0, mtu = 1500): Host {
  const settings = { mac: GUEST_MAC + n, addresses: [GUEST + n], mask: 0xffff_ff00, mtu, seed: 77 + n };
  return new Host(link, clock, settings);
}

/** A network and a host in place of each guest. */
export function network(config: NetworkConfig = {}) {
  const time = new VirtualTime();
  const net = buildNetwork(config, time.clock);
  const guests = net.links.map((link, n) => guestHost(link, time.clock, n, config.mtu));
  return { time, net, peer: net.peer, guests, guest: guests[0] };
}
