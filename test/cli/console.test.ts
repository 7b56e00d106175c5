// The escape key of a terminal's console, as QEMU has it.
import { expect, test } from "vitest";
import { EscapeKey } from "../../src/cli/console.js";

function key() {
  const heard: string[] = [];
  const it = new EscapeKey({ quit: () => heard.push("quit"), help: () => heard.push("help") });
  const filter = (text: string) => String.fromCharCode(...it.filter(new TextEncoder().encode(text)));
  return { heard, filter };
}

test("Ctrl-A X ends, Ctrl-A H helps, Ctrl-A Ctrl-A is one; across reads as well", () => {
  const { heard, filter } = key();
  expect(filter("ls\x01hx\x01\x01y\x01")).toBe("lsx\x01y");
  expect(filter("xz")).toBe("z");
  expect(heard).toEqual(["help", "quit"]);
});

test("after Ctrl-A another key does nothing, and everything else goes through", () => {
  const { heard, filter } = key();
  expect(filter("\x01q\x03\x04")).toBe("\x03\x04");
  expect(heard).toEqual([]);
});
