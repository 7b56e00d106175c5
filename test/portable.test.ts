// assembly/layout.ts and assembly/isa/*.ts are compiled by asc and by TypeScript: both must see the same numbers.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { beforeAll, describe, expect, test } from "vitest";
import * as layout from "../assembly/layout.js";
import { compiled } from "./asc.js";

const ASSEMBLY = fileURLToPath(new URL("../assembly/", import.meta.url));
const FILES = ["layout.ts", ...readdirSync(join(ASSEMBLY, "isa")).map((name) => `isa/${name}`)].sort();

interface Constant {
  /** Expression that names it in its own file: `RAM` or `Csr.satp`. */
  expression: string;
  /** The text before it, for the type that its comment states. */
  comment: string;
}

/** Every exported constant and enum member of a portable file. */
function constants(file: string): Constant[] {
  const source = ts.createSourceFile(file, readFileSync(join(ASSEMBLY, file), "utf8"), ts.ScriptTarget.Latest, true);
  return source.statements.flatMap((statement): Constant[] => {
    const comment = source.text.slice(statement.getFullStart(), statement.getStart());
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.map((d) => ({ expression: d.name.getText(), comment }));
    }
    if (ts.isEnumDeclaration(statement)) {
      return statement.members.map((m) => ({ expression: `${statement.name.text}.${m.name.getText()}`, comment }));
    }
    return [];
  });
}

const asIdentifier = (file: string, expression: string) => `${file}_${expression}`.replace(/\W/g, "_");

/** Compiles an entry that exports each constant of `files` as a u64, and returns them by identifier. */
async function underAsc(files: readonly string[]): Promise<Record<string, bigint>> {
  const entry = files
    .map((file, i) => {
      const exported = constants(file).map(
        ({ expression }) => `export const ${asIdentifier(file, expression)}: u64 = <u64>(portable${i}.${expression});`,
      );
      return [`import * as portable${i} from "./assembly/${file.replace(/\.ts$/, "")}";`, ...exported].join("\n");
    })
    .join("\n");
  return Object.fromEntries(
    Object.entries(await compiled(entry))
      .filter(([, value]) => value instanceof WebAssembly.Global)
      .map(([name, value]) => [name, BigInt.asUintN(64, (value as WebAssembly.Global).value)]),
  );
}

describe("both compilers agree", () => {
  let asc: Record<string, bigint>;
  beforeAll(async () => {
    asc = await underAsc(FILES);
  });

  test.each(FILES)("on %s", async (file) => {
    const module = await import(/* @vite-ignore */ join(ASSEMBLY, file));
    const listed = constants(file).map(({ expression }) => expression);
    const value = (expression: string) => expression.split(".").reduce((object, key) => object[key], module);
    const typescript = Object.fromEntries(listed.map((name) => [name, BigInt(value(name))]));
    expect(listed.length).toBeGreaterThan(0);
    expect(Object.fromEntries(listed.map((name) => [name, asc[asIdentifier(file, name)]]))).toEqual(typescript);
  });
});

describe("the layout", () => {
  const numbers = new Map(Object.entries(layout as Record<string, number>));
  const rooms = [...numbers]
    .filter(([name]) => numbers.has(`${name}_END`))
    .map(([name, start]) => ({ name, start, end: numbers.get(`${name}_END`) as number }))
    .sort((a, b) => a.start - b.start);

  test("rooms have a size and do not overlap", () => {
    expect(rooms.filter(({ start, end }) => start >= end)).toEqual([]);
    expect(rooms.slice(1).filter(({ start }, i) => rooms[i].end > start)).toEqual([]);
    expect(rooms.at(-1)?.end).toBeLessThanOrEqual(layout.RAM);
  });

  const within = (room: { start: number; end: number }, at: number) => at >= room.start && at < room.end;

  test("fields lie in the room that they are named after", () => {
    const strays = [...numbers].filter(([name, at]) =>
      rooms.some(
        (room) => name.startsWith(`${room.name}_`) && !/_(END|SIZE|MAX|START)$/.test(name) && !within(room, at),
      ),
    );
    expect(strays).toEqual([]);
  });

  test("each field is aligned to the type that its comment states", () => {
    const bytes: Record<string, number> = { u64: 8, u32: 4, u16: 2 };
    const misaligned = constants("layout.ts").filter(({ expression, comment }) => {
      const type = /\/\*\* (u64|u32|u16)\b/.exec(comment)?.[1];
      return type !== undefined && (numbers.get(expression) as number) % bytes[type] !== 0;
    });
    expect(misaligned).toEqual([]);
  });

  test("asc lays its static data into the room kept for it", () => {
    const { options } = JSON.parse(readFileSync(join(ASSEMBLY, "../asconfig.json"), "utf8"));
    expect(options.memoryBase).toBe(layout.STATIC);
  });

  test("all of it and the most RAM fit into a 32-bit memory", () => {
    expect(layout.RAM % 0x10000).toBe(0);
    expect(layout.RAM + layout.RAM_MAX).toBeLessThanOrEqual(2 ** 32);
  });
});

test("no enum of the instruction set gives two names one number", () => {
  const twice = FILES.flatMap((file) => {
    const seen = new Map<string, string>();
    const text = readFileSync(join(ASSEMBLY, file), "utf8");
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    return source.statements.filter(ts.isEnumDeclaration).flatMap((declaration) =>
      declaration.members.flatMap((member) => {
        const key = `${declaration.name.text} ${Number(member.initializer?.getText().replaceAll("_", ""))}`;
        const other = seen.get(key);
        seen.set(key, member.name.getText());
        return other ? [`${declaration.name.text}: ${other} and ${member.name.getText()}`] : [];
      }),
    );
  });
  expect(twice).toEqual([]);
});
