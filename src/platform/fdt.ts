// Devicetree Specification 0.4, "Flattened Devicetree (DTB) Format", version 17.

/** A property: text, list of texts, 32-bit cells, bytes, or (true) present without a value. */
export type Property = string | readonly string[] | number | readonly number[] | Uint8Array | true;

/** A node: properties, and children by name (with unit address). Order is kept. */
export interface TreeNode {
  properties: Record<string, Property>;
  children?: Record<string, TreeNode>;
}

const enum Token {
  BEGIN_NODE = 1,
  END_NODE = 2,
  PROP = 3,
  END = 9,
}
const MAGIC = 0xd00dfeed;
const VERSION = 17;
const LAST_COMPATIBLE_VERSION = 16;
const HEADER_SIZE = 40;
/** One terminating entry: no memory is reserved. */
const RESERVATIONS_SIZE = 16;

/** Big-endian bytes that grow. */
class Block {
  private bytes = new Uint8Array(1024);
  length = 0;

  cell(value: number): void {
    this.room(4);
    new DataView(this.bytes.buffer).setUint32(this.length, value);
    this.length += 4;
  }
  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }
  text(text: string): void {
    this.raw(new TextEncoder().encode(`${text}\0`));
  }
  align(): void {
    while (this.length % 4 !== 0) this.raw(new Uint8Array(1));
  }
  done(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
  private room(more: number): void {
    while (this.length + more > this.bytes.length) {
      const bytes = new Uint8Array(this.bytes.length * 2);
      bytes.set(this.bytes);
      this.bytes = bytes;
    }
  }
}

function encode(value: Property): Uint8Array {
  const block = new Block();
  if (value === true) return block.done();
  if (value instanceof Uint8Array) return value;
  for (const item of typeof value === "string" || typeof value === "number" ? [value] : value) {
    if (typeof item === "string") block.text(item);
    else block.cell(item);
  }
  return block.done();
}

/** Writes a tree as a device tree blob. */
export function writeFdt(root: TreeNode, bootHart = 0): Uint8Array {
  const structure = new Block();
  const strings = new Block();
  const offsets = new Map<string, number>();

  const nameOffset = (name: string): number => {
    let offset = offsets.get(name);
    if (offset === undefined) {
      offset = strings.length;
      offsets.set(name, offset);
      strings.text(name);
    }
    return offset;
  };
  const writeNode = (name: string, node: TreeNode): void => {
    structure.cell(Token.BEGIN_NODE);
    structure.text(name);
    structure.align();
    for (const [key, property] of Object.entries(node.properties)) {
      const value = encode(property);
      structure.cell(Token.PROP);
      structure.cell(value.length);
      structure.cell(nameOffset(key));
      structure.raw(value);
      structure.align();
    }
    for (const [childName, child] of Object.entries(node.children ?? {})) writeNode(childName, child);
    structure.cell(Token.END_NODE);
  };
  writeNode("", root);
  structure.cell(Token.END);

  const structureOffset = HEADER_SIZE + RESERVATIONS_SIZE;
  const stringsOffset = structureOffset + structure.length;
  const blob = new Block();
  for (const field of [
    MAGIC,
    stringsOffset + strings.length,
    structureOffset,
    stringsOffset,
    HEADER_SIZE,
    VERSION,
    LAST_COMPATIBLE_VERSION,
    bootHart,
    strings.length,
    structure.length,
  ]) {
    blob.cell(field);
  }
  blob.raw(new Uint8Array(RESERVATIONS_SIZE));
  blob.raw(structure.done());
  blob.raw(strings.done());
  return blob.done().slice();
}
