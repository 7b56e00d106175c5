// What a guest's data ought to be at the other end: on the wire, at the peer, on the disk. The host's own checksums judge.
import { characters } from "../backends/network/peer/udp-services.js";
import { checksum, crc32c, spelledCrc32c } from "../metrics/checksum.js";
import type { GuestReport } from "../metrics/report.js";
import { gather } from "./disk-files.js";
import type { Extent } from "../vmm/extents.js";
import type { RunResult } from "./types.js";
import { covered, givenDatagrams, hashesInOrder, isFile, isNetwork, type Workload } from "./workload.js";

/** The first guest is 10.0.2.15, where users of QEMU's user networking expect it. */
export const FIRST_HOST = 15;
/** Of the guest of a run with that number. */
export const addressOf = (guest: number): string => `10.0.2.${FIRST_HOST + guest}`;

/** A guest's part of its disk, as it is before the run. */
export interface DiskPart {
  readonly image: Uint8Array;
  readonly extents: readonly Extent[];
  /** Bytes of all of them. */
  readonly length: number;
}

export const wholeDisk = (image: Uint8Array): DiskPart => ({
  image,
  extents: [{ start: 0, length: image.length }],
  length: image.length,
});

/** What the peer's source gives a guest: characters, each datagram beginning with its number. */
export function given(workload: Workload, available: number): Uint8Array {
  const datagrams = givenDatagrams(workload, available);
  const data = new Uint8Array(datagrams.reduce((sum, bytes) => sum + bytes, 0));
  const view = new DataView(data.buffer);
  let at = 0;
  for (const [number, bytes] of datagrams.entries()) {
    data.set(characters(bytes), at);
    view.setUint32(at, number);
    at += bytes;
  }
  return data;
}

const read = ({ image, extents, length }: DiskPart, bytes: number): Uint8Array =>
  gather(image, extents, Math.min(bytes, length));

/** The host's own checksum of what a guest is to hash; undefined where it can't know. */
export async function expectedChecksum(workload: Workload, disk: DiskPart | undefined): Promise<string | undefined> {
  const { kind, hash } = workload;
  if (kind === "netrecv" || kind === "netsave") return checksum(hash, given(workload, disk?.length ?? 0));
  if (!disk || !hashesInOrder(workload)) return undefined;
  return checksum(hash, read(disk, covered(workload, disk.length)));
}

/** What is at the other end of a guest after its run. */
export interface FarEnd {
  /** Its address, as in 10.0.2.15. */
  readonly address: string;
  readonly peer: RunResult["peer"];
  /** Whether the wires lose frames on purpose. */
  readonly lossy: boolean;
  readonly before: DiskPart | undefined;
  readonly after: Uint8Array | undefined;
}

/** The report, "wrong-data" where a guest that finished well has left something else than it ought to. */
export function judged(report: GuestReport, workload: Workload, end: FarEnd): GuestReport {
  const problem = report.status === "ok" ? problemOf(report, workload, end) : undefined;
  return problem === undefined ? report : { ...report, status: "wrong-data", problem };
}

function problemOf({ network }: GuestReport, workload: Workload, end: FarEnd): string | undefined {
  const { kind } = workload;
  if (!isNetwork(kind) && !isFile(kind)) return undefined;
  if (network && network.lost > 0 && !end.lossy) {
    return `${network.lost} of its datagrams were lost on wires that lose none`;
  }
  const { before, after, peer, address } = end;
  if (!before || end.lossy) return undefined;
  if (kind === "netserve") {
    const stored = peer?.stored.find((one) => one.address === address)?.checksum ?? "nothing";
    const served = spelledCrc32c(crc32c(read(before, covered(workload, before.length))));
    return stored === served ? undefined : `the peer has stored ${stored}, but the disk's bytes are ${served}`;
  }
  if (kind !== "netsave" || !after) return undefined;
  const file = given(workload, before.length);
  const [saved, meant] = [gather(after, before.extents, file.length), file].map((data) => spelledCrc32c(crc32c(data)));
  return saved === meant ? undefined : `its disk holds ${saved}, but the peer gave ${meant}`;
}
