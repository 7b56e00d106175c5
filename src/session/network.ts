// The network interfaces of a machine of one's own, the network around them, and what passes them as a capture.
import { buildNetwork, type Network, type NetworkConfig, PcapWriter } from "../backends/network/index.js";
import type { BoardNic, NicInterface } from "../platform/board.js";
import type { Clock } from "../platform/ports.js";

export interface SessionNetworkConfig {
  nics: readonly { interface: NicInterface; mac?: string }[];
  /** All but `guests`, of which there are as many as interfaces. */
  around?: NetworkConfig;
  /** Gets a capture of what passes all interfaces, as a pcap file, piece by piece. */
  onCapture?: (piece: Uint8Array) => void;
}

export class SessionNetwork {
  private capture: PcapWriter | undefined;

  /** @param start time at cycle 0, in seconds since 1970 */
  constructor(
    private readonly config: SessionNetworkConfig | undefined,
    private readonly start: number,
  ) {}

  /** The interfaces of a machine that is switched on after `before` cycles; its network is as new. */
  powerOn(before: number): BoardNic[] {
    const { config } = this;
    if (!config) return [];
    let network: Network | undefined;
    const link = (clock: Clock, index: number) => {
      network ??= this.build(clock, before);
      return network.links[index];
    };
    return config.nics.map((nic, index) => ({ ...nic, link: (clock) => link(clock, index) }));
  }

  private build(clock: Clock, before: number): Network {
    const { nics, around, onCapture } = this.config!;
    const network = buildNetwork({ ...around, guests: nics.length }, clock);
    if (onCapture) {
      this.capture ??= new PcapWriter(onCapture, { frequency: clock.frequency, start: this.start });
      network.observe((frame, _outgoing, cycle) => this.capture!.write(frame, before + cycle));
    }
    return network;
  }
}
