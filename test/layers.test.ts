// docs/architecture.md, "Who may import whom": the rules as data, checked against the imports of every source file.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Where a file belongs, by the first pattern that fits its path. */
const LAYERS: readonly [layer: string, files: RegExp][] = [
  ["portable", /^assembly\/(layout|isa\/[^/]+)\.ts$/],
  ["asm/index", /^assembly\/index\.ts$/],
  ["asm/state", /^assembly\/hart\/state\.ts$/],
  ["asm/walk", /^assembly\/mmu\/(walk|pte|pmp)\.ts$/],
  ["asm/bus", /^assembly\/bus\//],
  ["asm/timing", /^assembly\/timing\//],
  ["asm/mmu", /^assembly\/mmu\//],
  ["asm/float", /^assembly\/float\//],
  ["asm/csr", /^assembly\/csr\//],
  ["asm/trap", /^assembly\/trap\//],
  ["asm/imsic", /^assembly\/aia\/files\.ts$/],
  ["asm/irq", /^assembly\/(aia\/|hart\/interrupts\.ts$)/],
  ["asm/insn", /^assembly\/insn\//],
  ["asm/hart", /^assembly\/hart\//],
  ["asm/hub", /^assembly\/hub\//],
  ["asm/bench", /^assembly\/bench\//],
  ["ports", /^src\/platform\/ports\.ts$/],
  ["errors", /^src\/platform\/user-error\.ts$/],
  ["terms", /^src\/scenario\/(types|workload|modes)\.ts$/],
  ["index", /^src\/index\.ts$/],
  ["core", /^src\/core\//],
  ["platform", /^src\/platform\//],
  ["devices", /^src\/devices\//],
  ["backends", /^src\/backends\//],
  ["vmm", /^src\/vmm\//],
  ["metrics", /^src\/metrics\//],
  ["scenario", /^src\/scenario\//],
  ["conformance", /^src\/conformance\//],
  ["snapshot", /^src\/snapshot\//],
  ["session", /^src\/session\//],
  ["claims", /^src\/claims\//],
  ["cli", /^src\/cli\//],
  ["web", /^src\/web\//],
];

/** What a layer may import besides itself. A name without a rule may be imported by nobody else. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  // mechanism: insn → csr, mmu → bus; the hub shares the walker and the bus, and never sees a hart
  portable: [],
  "asm/state": ["portable"],
  "asm/bus": ["portable"],
  "asm/timing": ["portable", "asm/bus"],
  "asm/walk": ["portable", "asm/bus", "asm/timing"],
  "asm/mmu": ["portable", "asm/state", "asm/bus", "asm/timing", "asm/walk"],
  // arithmetic on encodings, which knows no registers
  "asm/float": ["portable"],
  "asm/imsic": ["portable"],
  "asm/csr": ["portable", "asm/state", "asm/bus", "asm/timing", "asm/mmu", "asm/walk", "asm/imsic", "asm/irq"],
  "asm/irq": ["portable", "asm/state", "asm/imsic"],
  "asm/trap": ["portable", "asm/state", "asm/csr", "asm/timing", "asm/mmu", "asm/irq"],
  "asm/insn": [
    "portable",
    "asm/state",
    "asm/float",
    "asm/csr",
    "asm/mmu",
    "asm/walk",
    "asm/bus",
    "asm/timing",
    "asm/trap",
  ],
  "asm/hart": [
    "portable",
    "asm/state",
    "asm/float",
    "asm/insn",
    "asm/csr",
    "asm/trap",
    "asm/irq",
    "asm/mmu",
    "asm/walk",
    "asm/bus",
    "asm/timing",
  ],
  "asm/hub": ["portable", "asm/walk", "asm/bus", "asm/timing", "asm/imsic"],
  "asm/index": [
    "portable",
    "asm/imsic",
    "asm/state",
    "asm/hart",
    "asm/hub",
    "asm/mmu",
    "asm/walk",
    "asm/timing",
    "asm/bus",
    "asm/csr",
    "asm/trap",
    "asm/irq",
  ],
  // loops that measure the parts, beside the core's own exports
  "asm/bench": ["portable", "asm/index", "asm/hart", "asm/hub", "asm/mmu", "asm/walk"],
  // policy
  ports: [],
  errors: [],
  terms: ["errors", "terms"],
  core: ["portable"],
  devices: ["ports"],
  backends: ["ports", "errors"],
  platform: ["portable", "ports", "errors", "core", "devices", "backends"],
  vmm: ["portable", "ports", "errors", "core", "platform", "devices", "backends"],
  metrics: ["portable", "ports", "errors", "core", "platform", "terms"],
  conformance: ["portable", "ports", "errors", "core", "platform", "devices"],
  session: ["portable", "ports", "errors", "core", "platform", "devices", "backends"],
  snapshot: ["portable", "ports", "errors", "core", "platform", "vmm"],
  scenario: [
    ...[
      "portable",
      "ports",
      "errors",
      "core",
      "platform",
      "devices",
      "backends",
      "vmm",
      "metrics",
      "terms",
      "snapshot",
    ],
  ],
  claims: ["errors", "platform", "metrics", "terms", "scenario"],
  index: [
    ...["portable", "ports", "errors", "core", "platform", "devices", "backends", "vmm", "metrics", "terms"],
    ...["snapshot", "scenario", "session", "conformance", "claims"],
  ],
  cli: ["index"],
  web: ["index"],
};

/** What it may import besides by `import type`: the shape of what others hand it. */
const MAY_IMPORT_TYPES: Readonly<Record<string, readonly string[]>> = {
  terms: ["platform", "vmm", "metrics"],
  metrics: ["vmm", "scenario"],
  vmm: ["terms"],
};

/** Files that may use Node's own modules and globals. */
const NODE_FILES = /^src\/(cli\/|backends\/node|core\/instance\.ts$)/;
const NODE_GLOBALS = new Set(["process", "Buffer", "require", "__dirname", "__filename", "setImmediate", "global"]);

/** npm package → the files that may import it. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  "@assemblyscript/loader": /^src\/core\/instance\.ts$/,
  "@observablehq/plot": /^src\/claims\/chart\.ts$/,
  linkedom: /^src\/claims\/chart\.ts$/,
  commander: /^src\/cli\//,
  yaml: /^src\/(scenario|cli)\//,
  zod: /^src\/scenario\//,
};

interface Source {
  path: string;
  text: string;
}

function sources(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".d.ts"))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}

const layerOf = (path: string) => LAYERS.find(([, files]) => files.test(path))?.[0];

/** Path of a relative import, with the extension that both compilers leave to be guessed. */
function target(from: string, specifier: string): string {
  return `${normalize(join(dirname(from), specifier)).replace(/\.(js|ts)$/, "")}.ts`;
}

/** Every `import … from` and `export … from`, and each dynamic import of a literal. */
function imports(source: Source): { specifier: string; typeOnly: boolean }[] {
  const file = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest);
  const found = file.statements.flatMap((statement) => {
    const from = ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement) ? statement : undefined;
    if (!from?.moduleSpecifier || !ts.isStringLiteral(from.moduleSpecifier)) return [];
    return [{ specifier: from.moduleSpecifier.text, typeOnly: isTypeOnly(from) }];
  });
  const statics = new Set(found.map(({ specifier }) => specifier));
  const others = ts.preProcessFile(source.text, true, true).importedFiles.filter((i) => !statics.has(i.fileName));
  return [...found, ...others.map(({ fileName }) => ({ specifier: fileName, typeOnly: false }))];
}

function isTypeOnly(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(statement)) return statement.isTypeOnly;
  const clause = statement.importClause;
  if (!clause || clause.isTypeOnly) return clause !== undefined;
  const names = clause.namedBindings && ts.isNamedImports(clause.namedBindings) ? clause.namedBindings.elements : [];
  return !clause.name && names.length > 0 && names.every((name) => name.isTypeOnly);
}

/** One line for each import of `source` that breaks a rule. */
function importViolations(source: Source): string[] {
  const layer = layerOf(source.path);
  if (!layer) return [`${source.path}: no layer is known for it; give it one in test/layers.test.ts`];
  return imports(source).flatMap(({ specifier, typeOnly }) => {
    const fault = importFault(source.path, layer, specifier, typeOnly);
    return fault ? [`${source.path}: imports ${fault}`] : [];
  });
}

function importFault(path: string, layer: string, specifier: string, typeOnly: boolean): string | undefined {
  if (specifier.startsWith("node:")) {
    return NODE_FILES.test(path) ? undefined : `${specifier}; Node has no place in it`;
  }
  if (!specifier.startsWith(".")) {
    return PACKAGES[specifier]?.test(path) ? undefined : `the package ${specifier}, which it may not`;
  }
  const to = target(path, specifier);
  const other = layerOf(to);
  if (layer === "portable") return `${to}; portable files import nothing`;
  if (!other) return `${to}, which belongs to no layer`;
  const allowed = [layer, ...MAY_IMPORT[layer], ...(typeOnly ? (MAY_IMPORT_TYPES[layer] ?? []) : [])];
  return allowed.includes(other) ? undefined : `${to}; ${layer} may import ${allowed.join(", ")}, not ${other}`;
}

/** One line for each use of a Node global. */
function globalViolations(source: Source): string[] {
  const file = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const named = ts.isPropertyAccessExpression(node.parent) && node.parent.name === node;
    const used = ts.isExpressionStatement(node.parent) || ts.isExpression(node.parent);
    if (ts.isIdentifier(node) && NODE_GLOBALS.has(node.text) && used && !named && !declared.has(node.text)) {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${source.path}:${line + 1}: uses ${node.text}, which only Node has`);
    }
    ts.forEachChild(node, visit);
  };
  const declared = new Set<string>();
  const declare = (node: ts.Node): void => {
    if ((ts.isVariableDeclaration(node) || ts.isParameter(node)) && ts.isIdentifier(node.name)) {
      declared.add(node.name.text);
    }
    if (ts.isFunctionDeclaration(node) && node.name) declared.add(node.name.text);
    ts.forEachChild(node, declare);
  };
  ts.forEachChild(file, declare);
  ts.forEachChild(file, visit);
  return found;
}

test("imports follow the layers", () => {
  expect([...sources("assembly"), ...sources("src")].flatMap(importViolations)).toEqual([]);
});

test("only the files that meet Node use its globals", () => {
  expect(
    sources("src")
      .filter((source) => !NODE_FILES.test(source.path))
      .flatMap(globalViolations),
  ).toEqual([]);
});

test("the rules name only layers that exist", () => {
  const layers = LAYERS.map(([layer]) => layer);
  expect(Object.keys(MAY_IMPORT).sort()).toEqual([...layers].sort());
  const named = [MAY_IMPORT, MAY_IMPORT_TYPES].flatMap((rules) => Object.values(rules).flat());
  expect(named.filter((name) => !layers.includes(name))).toEqual([]);
});

test("a breach of each rule is seen", () => {
  const seen = (path: string, text: string) => importViolations({ path, text }).length;
  expect(seen("assembly/layout.ts", 'import { A } from "./isa/csr"')).toBe(1);
  expect(seen("assembly/hart/run.ts", 'import { A } from "../../src/core/core"')).toBe(1);
  expect(seen("assembly/hub/iotlb.ts", 'import { A } from "../hart/run"')).toBe(1);
  expect(seen("assembly/hub/iotlb.ts", 'import { A } from "../mmu/walk"')).toBe(0);
  expect(seen("src/devices/nvme/nvme.ts", 'import type { Bus } from "../../platform/bus.js"')).toBe(1);
  expect(seen("src/devices/nvme/nvme.ts", 'import type { IrqLine } from "../../platform/ports.js"')).toBe(0);
  expect(seen("src/vmm/vm.ts", 'import { a } from "../scenario/types.js"')).toBe(1);
  expect(seen("src/vmm/vm.ts", 'import type { A } from "../scenario/types.js"')).toBe(0);
  expect(seen("src/vmm/vm.ts", 'import { readFileSync } from "node:fs"')).toBe(1);
  expect(seen("src/cli/main.ts", 'export { Core } from "../core/core.js"')).toBe(1);
  expect(seen("src/vmm/vm.ts", 'import { parse } from "yaml"')).toBe(1);
  expect(globalViolations({ path: "src/vmm/vm.ts", text: "export const a = Buffer.from([process.pid])" })).toHaveLength(
    2,
  );
  expect(globalViolations({ path: "src/vmm/vm.ts", text: "export const a = (b: X) => b.process" })).toEqual([]);
});
