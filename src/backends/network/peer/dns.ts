// A name server for a table of names: RFC 1035, "Messages" ("Header section format", "Question section format",
// "Resource record format", "Message compression").
import { get16, type Ipv4, put16, put32 } from "./packet.js";
import type { Udp } from "./udp.js";

export const DNS_PORT = 53;
const HEADER = 12;
const LONGEST_NAME = 255;
const LONGEST_LABEL = 63;
const TYPE_A = 1;
const TYPE_ANY = 255;
const CLASS_IN = 1;
const CLASS_ANY = 255;
/** Seconds for which an answer may be kept. */
const TIME_TO_LIVE = 60;

const QR = 0x8000;
const OPCODE = 0x7800;
const AUTHORITATIVE = 0x0400;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;

const enum Rcode {
  NoError = 0,
  FormatError = 1,
  NameError = 3,
  NotImplemented = 4,
}

export class DnsServer {
  readonly counters = { answered: 0, unknownNames: 0, malformed: 0 };
  private readonly table = new Map<string, Ipv4>();

  /** @param names addresses by name, upper and lower case being the same */
  constructor(udp: Udp, address: Ipv4, names: ReadonlyMap<string, Ipv4>) {
    for (const [name, value] of names) this.table.set(name.toLowerCase().replace(/\.$/, ""), value);
    udp.bind(DNS_PORT, (datagram) => {
      const response = this.answer(datagram.data);
      if (response) udp.reply(datagram, datagram.broadcast ? address : datagram.destination, response);
    });
  }

  /** The response to a message, or undefined when it deserves none. */
  answer(query: Uint8Array): Uint8Array | undefined {
    const { counters } = this;
    if (query.length < HEADER || (get16(query, 2) & QR) !== 0) {
      counters.malformed++;
      return undefined;
    }
    if ((get16(query, 2) & OPCODE) !== 0) return respond(query, HEADER, Rcode.NotImplemented);
    const question = get16(query, 4) === 1 ? readName(query, HEADER) : undefined;
    if (!question || question.end + 4 > query.length) {
      counters.malformed++;
      return respond(query, HEADER, Rcode.FormatError);
    }
    const end = question.end + 4;
    const address = this.table.get(question.name);
    if (address === undefined) {
      counters.unknownNames++;
      return respond(query, end, Rcode.NameError);
    }
    counters.answered++;
    const type = get16(query, question.end);
    const family = get16(query, question.end + 2);
    const wanted = (type === TYPE_A || type === TYPE_ANY) && (family === CLASS_IN || family === CLASS_ANY);
    return respond(query, end, Rcode.NoError, wanted ? address : undefined);
  }
}

/** The name at `at`, in lower case, and where it ends; undefined when it is none. Questions are not compressed. */
function readName(message: Uint8Array, at: number): { name: string; end: number } | undefined {
  const labels: string[] = [];
  let i = at;
  while (i < message.length && i - at < LONGEST_NAME) {
    const length = message[i];
    if (length === 0) return { name: labels.join(".").toLowerCase(), end: i + 1 };
    if (length > LONGEST_LABEL || i + 1 + length > message.length) return undefined;
    labels.push(String.fromCharCode(...message.subarray(i + 1, i + 1 + length)));
    i += 1 + length;
  }
  return undefined;
}

/** Header and question of `query`, which ends before `end`, as a response, with one address if there is one. */
function respond(query: Uint8Array, end: number, code: Rcode, address?: Ipv4): Uint8Array {
  const response = new Uint8Array(end + (address === undefined ? 0 : 16));
  response.set(query.subarray(0, end));
  const kept = get16(query, 2) & (OPCODE | RECURSION_DESIRED);
  put16(response, 2, QR | kept | AUTHORITATIVE | RECURSION_AVAILABLE | code);
  put16(response, 4, end > HEADER ? 1 : 0);
  put16(response, 6, address === undefined ? 0 : 1);
  put32(response, 8, 0);
  if (address === undefined) return response;
  // the name is that at HEADER
  put16(response, end, 0xc000 | HEADER);
  put16(response, end + 2, TYPE_A);
  put16(response, end + 4, CLASS_IN);
  put32(response, end + 6, TIME_TO_LIVE);
  put16(response, end + 10, 4);
  put32(response, end + 12, address);
  return response;
}
