// YAML with places: every complaint names file, line, column, path and remedy.
import { isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import { type ZodType, z } from "zod";
import { UserError } from "../platform/user-error.js";
import { suggest } from "./near.js";

export type Path = readonly (string | number)[];

/** A parsed file whose parts can be pointed at. */
export interface Located<T> {
  readonly value: T;
  /** "file:line:column: path" of a part; of the nearest part above it where it isn't there. */
  at(path: Path): string;
}

/** `guests[1].workload.bs` */
function spelled(path: Path): string {
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : i > 0 ? `.${part}` : part)).join("");
}

type JsonSchema = {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  description?: string;
};

/** The JSON Schema node of a path; it knows the keys and what a value means. */
function schemaAt(root: JsonSchema, path: Path): JsonSchema | undefined {
  let node: JsonSchema | undefined = root;
  for (const part of path) {
    const here: JsonSchema[] = node?.anyOf ?? (node ? [node] : []);
    node = here.map((s) => (typeof part === "number" ? s.items : s.properties?.[part])).find((s) => s !== undefined);
  }
  return node;
}

/**
 * Parses and checks YAML text.
 * @param file its name, for messages
 * @throws UserError with one line per mistake
 */
export function parseYaml<T>(text: string, file: string, schema: ZodType<T>): Located<T> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const [error] = document.errors;
    throw new UserError(error.message.replace(/\.$/, ""), place(error.pos[0]), "Mend the YAML there");
  }

  const offset = (path: Path): number => {
    for (let length = path.length; length > 0; length--) {
      const parent = length > 1 ? document.getIn(path.slice(0, length - 1), true) : document.contents;
      const key = path[length - 1];
      const pair = isMap(parent)
        ? parent.items.find((item) => isScalar(item.key) && item.key.value === key)
        : undefined;
      if (isNode(pair?.key) && pair.key.range) return pair.key.range[0];
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return node.range[0];
    }
    return document.contents?.range?.[0] ?? 0;
  };
  const at = (path: Path) => `${place(offset(path))}${path.length > 0 ? `: ${spelled(path)}` : ""}`;

  let data: unknown;
  try {
    data = document.toJS() ?? {};
  } catch (error) {
    throw new UserError((error as Error).message, place(0), "Write it without so many aliases");
  }
  if (holdsItself(data)) throw new UserError("an alias stands inside what it names", place(0), "Write it out");
  const parsed = schema.safeParse(data);
  if (parsed.success) return { value: parsed.data, at };

  const known = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const valueAt = (path: Path): unknown => {
    const node = path.length > 0 ? document.getIn(path) : data;
    return isNode(node) ? node.toJS(document) : node;
  };
  const complaints = parsed.error.issues.flatMap(meant).flatMap((issue) => {
    const path = issue.path as Path;
    if (issue.code === "unrecognized_keys") {
      const here = schemaAt(known, path);
      const keys = (here?.anyOf ?? [here]).flatMap((one) => Object.keys(one?.properties ?? {}));
      return issue.keys.map((key) => ({
        problem: `unknown key "${key}"`,
        place: at([...path, key]),
        remedy: suggest(key, keys),
      }));
    }
    const value = valueAt(path);
    const expects = schemaAt(known, path)?.description;
    const remedy = expects ? `Expected: ${expects}` : "See `yado schema`";
    if (value === undefined) return [{ problem: "missing", place: at(path), remedy }];
    const given = written(value);
    if (issue.code === "invalid_value") {
      const words = issue.values.map(String);
      const choice = words.length > 1 ? suggest(String(value), words) : remedy;
      return [{ problem: `${given} isn't one of its values`, place: at(path), remedy: choice }];
    }
    const detail = issue.code === "custom" ? issue.message : `${given} doesn't fit: ${lowered(issue.message)}`;
    return [{ problem: detail, place: at(path), remedy }];
  });
  const [first, ...rest] = complaints;
  const more = rest.map(({ problem, place: where, remedy }) => `\n${where}: ${problem}. ${remedy}`).join("");
  throw new UserError(first.problem, first.place, first.remedy + more);
}

/** What is wrong with the one of several forms that a value has; the issue itself where it has none of them. */
function meant(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const form =
    issue.errors.find((inner) => inner.every(({ code, path }) => path.length > 0 || code === "unrecognized_keys")) ??
    issue.errors.find((inner) => inner.every(({ code, path }) => path.length > 0 || code !== "invalid_type"));
  return form?.flatMap((inner) => meant({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

/** Whether a value is part of itself, as YAML's aliases can make it. */
function holdsItself(value: unknown, above: readonly unknown[] = []): boolean {
  if (typeof value !== "object" || value === null) return false;
  return above.includes(value) || Object.values(value).some((part) => holdsItself(part, [...above, value]));
}

/** A value as one line of YAML, near enough: numbers that JSON doesn't know as YAML writes them. */
function written(value: unknown): string {
  const plain = (part: number) => (Number.isNaN(part) ? ".nan" : part < 0 ? "-.inf" : ".inf");
  const odd = (part: unknown): part is number => typeof part === "number" && !Number.isFinite(part);
  if (odd(value)) return plain(value);
  return JSON.stringify(value, (_, part) => (odd(part) ? plain(part) : part)) ?? String(value);
}

function lowered(message: string): string {
  const text = message.replace(/^Invalid input: /, "");
  return text.charAt(0).toLowerCase() + text.slice(1);
}
