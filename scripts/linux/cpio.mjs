// cpio archives in the newc form, as the kernel unpacks them (Linux, "initramfs buffer format"). The same entries give the same bytes.
const TYPE = { directory: 0o040000, file: 0o100000, link: 0o120000, character: 0o020000 };
const TRAILER = "TRAILER!!!";

/**
 * @typedef {object} Entry
 * @property {string} name path from the root, without a leading slash
 * @property {keyof typeof TYPE} type
 * @property {number} [mode] permissions; default 0o755
 * @property {Uint8Array | string} [data] a file's contents, or where a link points
 * @property {[number, number]} [device] major and minor number of a character device
 */

/** An archive of `entries` in the order given: directories before what they hold. */
export function cpio(entries) {
  const parts = [];
  for (const [i, entry] of entries.entries()) append(parts, entry, i + 1);
  append(parts, { name: TRAILER, mode: 0 }, 0);
  return Buffer.concat(parts);
}

function append(parts, { name, type, mode = 0o755, data = "", device = [0, 0] }, inode) {
  const bytes = Buffer.from(data);
  const path = Buffer.from(`${name}\0`);
  const fields = [...[inode, (TYPE[type] ?? 0) | mode, 0, 0, 1, 0, bytes.length], ...[0, 0, ...device, path.length, 0]];
  const header = `070701${fields.map((n) => n.toString(16).padStart(8, "0")).join("")}`;
  parts.push(padded(Buffer.concat([Buffer.from(header), path])), padded(bytes));
}

function padded(bytes) {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
