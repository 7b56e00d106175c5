// MAC addresses as users write them.
import { UserError } from "./user-error.js";

const FIRST = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

/** The bytes of an address; of the n-th network interface if there is none. UserError if it isn't the address of a station. */
export function macAddress(text: string | undefined, n: number): readonly number[] {
  if (text === undefined) return [...FIRST.slice(0, 5), (FIRST[5] + n) & 0xff];
  const bytes = text.split(":").map((byte) => (/^[0-9a-f]{2}$/i.test(byte) ? Number.parseInt(byte, 16) : -1));
  const legal = bytes.length === 6 && !bytes.includes(-1);
  if (legal && (bytes[0] & 1) === 0 && bytes.some((byte) => byte !== 0)) return bytes;
  throw new UserError(`"${text}" is no MAC address of a station`, "net", "Write it like 52:54:00:12:34:56");
}
