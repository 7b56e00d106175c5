// Several consoles on one serial line: bytes of one channel follow each other until an escape names another. A channel's
// own escape bytes are doubled. Both ends begin with channel 0.

/** DLE, "data link escape" of ASCII. */
const ESCAPE = 0x10;
/** Behind an escape: channel 0, the others follow. */
const FIRST_CHANNEL = 0x40;
/** Channels that a line can have. */
export const MOST_CHANNELS = 64;

/** One direction of a shared line, as its sender has it. */
export class ChannelEncoder {
  private channel = 0;

  /** What goes over the line for a byte of a channel. */
  encode(channel: number, byte: number): number[] {
    const chosen = channel === this.channel ? [] : [ESCAPE, FIRST_CHANNEL + channel];
    this.channel = channel;
    return byte === ESCAPE ? [...chosen, ESCAPE, ESCAPE] : [...chosen, byte];
  }
}

/** The same, as its receiver has it. */
export class ChannelDecoder {
  private channel = 0;
  private escaped = false;

  /** The byte that is complete with this one of the line, and its channel; undefined while there is none. */
  decode(byte: number): { readonly channel: number; readonly byte: number } | undefined {
    if (!this.escaped) {
      if (byte !== ESCAPE) return { channel: this.channel, byte };
      this.escaped = true;
      return undefined;
    }
    this.escaped = false;
    if (byte === ESCAPE) return { channel: this.channel, byte };
    const channel = byte - FIRST_CHANNEL;
    if (channel >= 0 && channel < MOST_CHANNELS) this.channel = channel;
    return undefined;
  }
}
