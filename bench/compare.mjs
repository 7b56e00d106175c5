// How long a person waits for the first command: wall time of `npm start` on a tree that is built.
import { cost, digits, table, timed } from "./support.mjs";

export function run({ quick }) {
  const runs = Array.from({ length: quick ? 1 : 3 }, () => timed("npm", ["start", "--silent"]));
  const wall = Math.min(...runs.map((run) => run.wall));
  const user = Math.min(...runs.map((run) => run.user));
  return {
    text: table(["command", "wall s", "user CPU s"], [["npm start", digits(wall), digits(user)]]),
    figures: [cost("compare/npm-start", "wall-time", wall, "s"), cost("compare/npm-start", "cpu-time", user, "s")],
  };
}
