// Several consoles on one serial line: escapes tell them apart.
import { expect, test } from "vitest";
import { SerialLine } from "../../src/backends/serial-line.js";
import { ChannelDecoder, ChannelEncoder } from "../../src/backends/serial-mux.js";

const DLE = 0x10;
const bytes = (text: string) => new TextEncoder().encode(text);

function setup(channels: number) {
  const clock = { now: 0 };
  const typed: number[] = [];
  const line = new SerialLine({
    now: () => clock.now,
    channels,
    shared: channels > 1,
    type: (more) => typed.push(...more),
  });
  const text = line.channels.map(() => "");
  for (const [i, channel] of line.channels.entries()) {
    channel.onByte = (byte) => {
      text[i] += String.fromCharCode(byte);
    };
  }
  const send = (...all: number[]) => {
    for (const byte of all) {
      clock.now += 10;
      line.receive(byte);
    }
  };
  return { line, text, typed, send };
}

test("a line with one guest carries every byte as it is, escapes too", () => {
  const { line, text, typed, send } = setup(1);
  send(0x61, DLE, 0x41);
  line.type(0, Uint8Array.of(DLE, 0x62));
  expect(text).toEqual(["a\x10A"]);
  expect(typed).toEqual([DLE, 0x62]);
});

test("an escape names the channel of what follows, and is no character of anyone's", () => {
  const { line, text, send } = setup(2);
  send(0x61, DLE, 0x41, 0x62, 0x63, DLE, 0x40, 0x64);
  expect(text).toEqual(["ad", "bc"]);
  expect([0, 1].map((n) => line.channels[1].sent.at(n))).toEqual([40, 50]);
  expect(line.channels[1].sent.at(2)).toBeNaN();
});

test("bytes of any value and order of channels come out as they went in", () => {
  const encoder = new ChannelEncoder();
  const decoder = new ChannelDecoder();
  const sent = Array.from({ length: 1000 }, (_, i) => ({ channel: (i * 7) % 5, byte: (i * 13) % 256 }));
  const got = sent
    .flatMap(({ channel, byte }) => encoder.encode(channel, byte))
    .map((byte) => decoder.decode(byte))
    .filter((whole) => whole !== undefined);
  expect(got).toEqual(sent);
});

test("an escape before a byte that names no channel changes nothing", () => {
  const { text, send } = setup(2);
  send(DLE, 0xff, 0x61, DLE, 0x3f, 0x62);
  expect(text).toEqual(["ab", ""]);
});

test("a channel that nobody has is passed over", () => {
  const { text, send } = setup(2);
  send(DLE, 0x45, 0x61, DLE, 0x41, 0x62);
  expect(text).toEqual(["", "b"]);
});

test("what is typed at a guest is timed as the machine takes its character, not its escape", () => {
  const { line, typed } = setup(2);
  line.type(1, bytes("x"));
  expect(typed).toEqual([DLE, 0x41, 0x78]);
  for (const byte of typed) line.taken(byte);
  expect(line.channels.map(({ received }) => received.count)).toEqual([0, 1]);
});
