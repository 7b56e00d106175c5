// Checksums that the host computes itself, to judge those of the guests.
// CRC-32C (Castagnoli), as in RFC 3720, "CRC32C": reflected polynomial 0x82f63b78, initial value and final XOR all ones.

export type HashName = "crc32c" | "sha256" | "none";
export const HASHES: readonly HashName[] = ["crc32c", "sha256", "none"];

/** Eight tables, so that eight bytes are taken at a time. */
const TABLES: readonly Uint32Array[] = (() => {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f6_3b78 : c >>> 1;
    tables[0][i] = c >>> 0;
  }
  for (let t = 1; t < 8; t++) {
    for (let i = 0; i < 256; i++) {
      const c = tables[t - 1][i];
      tables[t][i] = (tables[0][c & 0xff] ^ (c >>> 8)) >>> 0;
    }
  }
  return tables;
})();

/** CRC-32C of `data`, continuing from the CRC of what came before it (0 at the beginning). */
export function crc32c(data: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  let crc = ~before >>> 0;
  let i = 0;
  for (const end = data.length - 7; i < end; i += 8) {
    crc ^= data[i] | (data[i + 1] << 8) | (data[i + 2] << 16) | (data[i + 3] << 24);
    crc =
      t7[crc & 0xff] ^
      t6[(crc >>> 8) & 0xff] ^
      t5[(crc >>> 16) & 0xff] ^
      t4[crc >>> 24] ^
      t3[data[i + 4]] ^
      t2[data[i + 5]] ^
      t1[data[i + 6]] ^
      t0[data[i + 7]];
  }
  for (; i < data.length; i++) crc = t0[(crc ^ data[i]) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** "crc32c:1a2b3c4d" */
export function spelledCrc32c(crc: number): string {
  return `crc32c:${crc.toString(16).padStart(8, "0")}`;
}

/** "crc32c:1a2b3c4d" or "sha256:…" (lower-case hexadecimal); undefined for "none". */
export async function checksum(hash: HashName, data: Uint8Array): Promise<string | undefined> {
  if (hash === "none") return undefined;
  if (hash === "crc32c") return spelledCrc32c(crc32c(data));
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", new Uint8Array(data)));
  return `sha256:${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
