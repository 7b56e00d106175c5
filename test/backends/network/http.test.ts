// RFC 9112: what a guest's wget and curl ask for.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { bytesSource, generatedSource, type NetworkConfig } from "../../../src/backends/network/index.js";
import { drain } from "../../../src/backends/network/peer/tcp-services.js";
import { FREQUENCY, network, PEER } from "../../support/network.js";

const FILES: NetworkConfig = {
  files: { "/hello": new TextEncoder().encode("hello\n"), "/big": { bytes: 300_000, seed: 4 } },
};

/** Sends text to the HTTP server and gives everything that comes back until it ends, as Latin-1. */
function request(config: NetworkConfig, ...pieces: readonly string[]) {
  const { time, guest, peer } = network(config);
  const chunks: Uint8Array[] = [];
  const connection = guest.tcp.connect(PEER, 80, { readable: (c) => drain(c, (bytes) => chunks.push(bytes.slice())) });
  for (const piece of pieces) {
    connection.write(new TextEncoder().encode(piece));
    time.run(FREQUENCY);
  }
  connection.end();
  time.run(100 * FREQUENCY);
  expect([...peer.host.tcp.all]).toEqual([]);
  return Buffer.concat(chunks).toString("latin1");
}

const head = (status: string, length: number, connection: string) =>
  `HTTP/1.1 ${status}\r\nContent-Type: application/octet-stream\r\nContent-Length: ${length}\r\nConnection: ${connection}\r\n\r\n`;

test("a file is got with its length (RFC 9112, 'Message Body')", () => {
  const answer = request(FILES, "GET /hello HTTP/1.1\r\nHost: 10.0.2.2\r\nConnection: close\r\n\r\n");
  expect(answer).toBe(`${head("200 OK", 6, "close")}hello\n`);
});

test("a request may come byte by byte, and requests one behind the other (RFC 9112, 'Pipelining')", () => {
  const lines = "GET /hello HTTP/1.1\r\nHost: peer\r\n\r\nHEAD /hello HTTP/1.1\r\n\r\nGET /none HTTP/1.0\r\n\r\n";
  const expected = `${head("200 OK", 6, "keep-alive")}hello\n${head("200 OK", 6, "keep-alive")}${head("404 Not Found", 10, "close")}Not Found\n`;
  expect(request(FILES, lines)).toBe(expected);
  expect(request(FILES, ...lines)).toBe(expected);
});

test("generated contents are the same for the same seed", () => {
  const digest = (answer: string) =>
    createHash("sha256")
      .update(Buffer.from(answer.slice(answer.indexOf("\r\n\r\n") + 4), "latin1"))
      .digest("hex");
  const expected = new Uint8Array(300_000);
  generatedSource(300_000, 4).read(0, expected);
  const sha = createHash("sha256").update(expected).digest("hex");
  expect(digest(request(FILES, "GET /big HTTP/1.0\r\n\r\n"))).toBe(sha);
  expect(digest(request(FILES, "GET http://peer/bytes/300000?seed=4 HTTP/1.0\r\n\r\n"))).toBe(sha);
});

test("a posted body is counted (RFC 9110, 'POST')", () => {
  const body = "x".repeat(100_000);
  const answer = request(
    FILES,
    `POST /any HTTP/1.1\r\nContent-Length: 100000\r\n\r\n${body}GET /hello HTTP/1.0\r\n\r\n`,
  );
  expect(answer).toBe(`${head("200 OK", 13, "keep-alive")}100000 bytes\n${head("200 OK", 6, "close")}hello\n`);
});

test.each([
  ["nonsense\r\n\r\n", "400"],
  ["GET /hello HTTP/2.0\r\n\r\n", "505"],
  ["DELETE /hello HTTP/1.1\r\n\r\n", "501"],
  ["POST /hello HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "501"],
  ["x".repeat(20_000), "400"],
])("what isn't understood is refused, and the connection ends: %.30s", (text, status) => {
  expect(request(FILES, text).slice(9, 12)).toBe(status);
});

test("16 MiB come at the rate of the wire", () => {
  const length = 16 << 20;
  const contents = new Uint8Array(length);
  generatedSource(length, 9).read(0, contents);
  const { time, guest } = network({ files: { "/image": bytesSource(contents) } });
  const hash = createHash("sha256");
  let got = 0;
  const connection = guest.tcp.connect(PEER, 80, {
    readable: (c) =>
      drain(c, (bytes) => {
        hash.update(bytes);
        got += bytes.length;
      }),
  });
  connection.write(new TextEncoder().encode("GET /image HTTP/1.0\r\n\r\n"));
  const cycles = time.runUntil(() => connection.ended, 10 * FREQUENCY);
  const headLength = head("200 OK", length, "close").length;
  expect(got).toBe(length + headLength);
  expect(cycles / FREQUENCY).toBeLessThan(((length * 8 * 1538) / 1460 / 1e9) * 1.01);
});
