// GDB, "GDB Remote Serial Protocol", "Overview": packets out of a stream of bytes, and back into it.

/** What a stream holds besides noise. */
export type GdbEvent =
  | { kind: "packet"; data: string }
  /** A packet whose checksum is wrong: asked for again. */
  | { kind: "damaged" }
  /** Ctrl-C. */
  | { kind: "interrupt" }
  /** The other end didn't understand the last packet. */
  | { kind: "resend" };

/** A packet no one needs to have longer. */
const MOST = 0x10000;
const ESCAPE = 0x7d;
const ESCAPED = 0x20;

const byte = (letter: string): number => letter.charCodeAt(0);
const checksum = (text: string): number => {
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum = (sum + text.charCodeAt(i)) & 0xff;
  return sum;
};

/** Cuts a stream into packets. Characters are bytes (Latin-1); escapes are undone. */
export class GdbReader {
  private text = "";
  private state: "outside" | "inside" | "sum1" | "sum2" = "outside";
  private expected = "";

  *feed(bytes: Uint8Array): Generator<GdbEvent> {
    for (const value of bytes) {
      const event = this.take(value);
      if (event) yield event;
    }
  }

  private take(value: number): GdbEvent | undefined {
    const letter = String.fromCharCode(value);
    switch (this.state) {
      case "outside":
        if (value === 3) return { kind: "interrupt" };
        if (letter === "-") return { kind: "resend" };
        if (letter === "$") {
          this.state = "inside";
          this.text = "";
        }
        return undefined;
      case "inside":
        if (letter === "#") this.state = "sum1";
        else if (letter === "$" || this.text.length >= MOST) this.text = "";
        else this.text += letter;
        return undefined;
      case "sum1":
        this.expected = letter;
        this.state = "sum2";
        return undefined;
      default:
        this.state = "outside";
        if (Number.parseInt(this.expected + letter, 16) !== checksum(this.text)) return { kind: "damaged" };
        return { kind: "packet", data: unescaped(this.text) };
    }
  }
}

function unescaped(text: string): string {
  return text.replace(/\}([\s\S])/g, (_, letter: string) => String.fromCharCode(byte(letter) ^ ESCAPED));
}

/** A reply as it goes out. */
export function framed(data: string): Uint8Array {
  const text = data.replace(/[#$}*]/g, (letter) => String.fromCharCode(ESCAPE, byte(letter) ^ ESCAPED));
  const sum = checksum(text).toString(16).padStart(2, "0");
  return Uint8Array.from(`$${text}#${sum}`, byte);
}
