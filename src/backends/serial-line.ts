// The other end of a serial line: who sits there sees each guest's characters by themselves, and when they came.
import { ChannelDecoder, ChannelEncoder } from "./serial-mux.js";

/** Moments that are kept of one channel; a guest may print for ever. */
const MOST_MOMENTS = 1 << 20;

/** When the characters of one direction of a channel passed, in the machine's cycles and in their order. */
class Moments {
  count = 0;
  private cycles = new Float64Array(256);

  add(cycle: number): void {
    const n = this.count++;
    if (n >= MOST_MOMENTS) return;
    if (n === this.cycles.length) {
      const more = new Float64Array(2 * n);
      more.set(this.cycles);
      this.cycles = more;
    }
    this.cycles[n] = cycle;
  }

  /** Of the n-th, counted from 0; NaN for one that didn't come or is beyond what is kept. */
  at(n: number): number {
    return n < this.count && n < this.cycles.length ? this.cycles[n] : Number.NaN;
  }
}

/** What one guest sent down the line, and what was sent to it. */
export interface Channel {
  readonly sent: Moments;
  readonly received: Moments;
  /** Sees every character that the guest sends, as it comes. */
  onByte: (byte: number) => void;
}

export interface SerialLineConfig {
  /** The machine's cycles. */
  readonly now: () => number;
  readonly channels: number;
  /** Whether escapes in the line tell the channels apart; else all is channel 0's. */
  readonly shared: boolean;
  /** Puts bytes on the line towards the machine; each is taken when its turn has come. */
  readonly type: (bytes: Uint8Array) => void;
}

export class SerialLine {
  readonly channels: readonly Channel[];
  private readonly decoder = new ChannelDecoder();
  private readonly takenDecoder = new ChannelDecoder();
  private readonly encoder = new ChannelEncoder();

  constructor(private readonly config: SerialLineConfig) {
    this.channels = Array.from({ length: config.channels }, () => ({
      sent: new Moments(),
      received: new Moments(),
      onByte: () => {},
    }));
  }

  /** A byte has come from the machine. */
  receive(byte: number): void {
    const whole = this.whole(byte, this.decoder);
    const channel = whole && this.channels[whole.channel];
    if (!channel) return;
    channel.sent.add(this.config.now());
    channel.onByte(whole.byte);
  }

  /** A byte that was typed begins its way to the machine. */
  taken(byte: number): void {
    const whole = this.whole(byte, this.takenDecoder);
    if (whole) this.channels[whole.channel]?.received.add(this.config.now());
  }

  private whole(byte: number, decoder: ChannelDecoder) {
    return this.config.shared ? decoder.decode(byte) : { channel: 0, byte };
  }

  /** Types at one guest. */
  type(channel: number, bytes: Uint8Array): void {
    const { shared, type } = this.config;
    type(shared ? Uint8Array.from([...bytes].flatMap((byte) => this.encoder.encode(channel, byte))) : bytes);
  }
}
