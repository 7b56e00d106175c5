// What the documentation points at is there: links, and paths of this repository in backticks.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PAGES = ["README.md", ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`)].filter((path) =>
  path.endsWith(".md"),
);
const PATH = /`((?:assembly|src|test|docs|guests|bench|scenarios|scripts|bin)\/[\w./-]*[\w/])`/g;
const LINK = /\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g;
/** A file or folder, or the name that files of several kinds share. */
const exists = (path: string) =>
  existsSync(join(ROOT, path)) ||
  (existsSync(join(ROOT, dirname(path))) &&
    readdirSync(join(ROOT, dirname(path))).some((name) => name.startsWith(`${basename(path)}.`)));
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found);

test.each(PAGES)("%s", (page) => {
  const text = readFileSync(join(ROOT, page), "utf8");
  const links = matches(text, LINK).map((link) => join(dirname(page), link));
  expect([...links, ...matches(text, PATH)].filter((path) => !exists(path))).toEqual([]);
});
