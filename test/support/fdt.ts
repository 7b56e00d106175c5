// Reads a flattened device tree: Devicetree Specification 0.4, "Flattened Devicetree (DTB) Format".

/** A node's properties as bytes, and its children by name. */
export interface FdtNode {
  properties: Record<string, Uint8Array>;
  children: Record<string, FdtNode>;
}

export function readFdt(blob: Uint8Array): FdtNode {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  let at = view.getUint32(8);
  const strings = view.getUint32(12);
  const text = (from: number) => new TextDecoder().decode(blob.subarray(from, blob.indexOf(0, from)));
  const above: FdtNode[] = [{ properties: {}, children: {} }];
  for (;;) {
    const token = view.getUint32(at);
    at += 4;
    const node = above[above.length - 1];
    if (token === 1) {
      const name = text(at);
      at = (at + name.length + 4) & ~3;
      const child = { properties: {}, children: {} };
      node.children[name] = child;
      above.push(child);
    } else if (token === 2) above.pop();
    else if (token === 3) {
      const length = view.getUint32(at);
      node.properties[text(strings + view.getUint32(at + 4))] = blob.slice(at + 8, at + 8 + length);
      at = (at + 8 + length + 3) & ~3;
    } else if (token === 9) return above[0].children[""];
  }
}

/** Big-endian cells of a property. */
export function cells(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length >>> 2 }, (_, i) => view.getUint32(4 * i));
}

/** Every node by its path. */
export function nodes(root: FdtNode, path = ""): Map<string, FdtNode> {
  const found = new Map([[path || "/", root]]);
  for (const [name, child] of Object.entries(root.children))
    for (const [where, node] of nodes(child, `${path}/${name}`)) found.set(where, node);
  return found;
}

/** Which cells of a property are phandles: the first of so many, from an offset on. */
const REFERENCES: Readonly<Record<string, [first: number, every: number]>> = {
  "interrupt-parent": [0, 1],
  "interrupts-extended": [0, 2],
  "msi-parent": [0, 1],
  regmap: [0, 1],
  cpu: [0, 1],
  "riscv,children": [0, 1],
  "riscv,delegate": [0, 3],
};

/** Every property as text "path/name" → value, with paths for phandles: what two trees that mean the same have in common. */
export function meaning(root: FdtNode): Map<string, string> {
  const all = nodes(root);
  const paths = new Map(
    [...all].flatMap(
      ([
        path,
        {
          properties: { phandle },
        },
      ]) => (phandle ? [[cells(phandle)[0], path]] : []),
    ),
  );
  const said = new Map<string, string>();
  for (const [path, { properties }] of all) {
    for (const [name, bytes] of Object.entries(properties)) {
      if (name === "phandle") continue;
      const width = cells(properties["interrupt-map-mask"] ?? new Uint8Array()).length;
      const perRow = paths.get(cells(properties[name])[width])?.match(/aplic/) ? 7 : 6;
      const [first, every] = name === "interrupt-map" ? [width, perRow] : (REFERENCES[name] ?? [0, Infinity]);
      const isReference = (i: number) => (name in REFERENCES || name === "interrupt-map" ? i % every === first : false);
      const value =
        bytes.length % 4 === 0
          ? cells(bytes).map((cell, i) => (isReference(i) ? paths.get(cell) : cell.toString(16)))
          : [...bytes];
      said.set(`${path}#${name}`, value.join(" "));
    }
  }
  return said;
}
