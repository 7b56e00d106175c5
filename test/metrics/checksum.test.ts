import fc from "fast-check";
import { expect, test } from "vitest";
import { checksum, crc32c } from "../../src/metrics/checksum.js";

fc.configureGlobal({ seed: 81 });

const text = (value: string) => new TextEncoder().encode(value);

test("CRC-32C has the values of RFC 3720, 'CRC Examples'", () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8_ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd_794e);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113f_db5c);
  expect(crc32c(text("123456789"))).toBe(0xe306_9283);
});

test("CRC-32C of the parts, one after the other, is that of the whole", () => {
  const parts = fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(parts, ([head, tail]) => crc32c(tail, crc32c(head)) === crc32c(Uint8Array.from([...head, ...tail]))),
  );
});

test("checksums carry their name", async () => {
  expect(await checksum("crc32c", text("123456789"))).toBe("crc32c:e3069283");
  expect(await checksum("sha256", text("abc"))).toBe(
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  expect(await checksum("none", text("abc"))).toBeUndefined();
});
