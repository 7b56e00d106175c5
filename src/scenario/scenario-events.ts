// The events of a scenario file: whom they name, and whether what is to happen can happen to it.
import { UserError } from "../platform/user-error.js";
import { suggest } from "./near.js";
import { cycleOf } from "./quantity.js";
import { EVENT_ACTIONS, type ScenarioFile } from "./schema.js";
import type { RunEvent } from "./types.js";
import type { Located } from "./yaml-source.js";

type Kind = keyof typeof EVENT_ACTIONS;
type Names = Readonly<Record<Kind, readonly { readonly name: string }[]>>;

const KINDS = Object.keys(EVENT_ACTIONS) as Kind[];
const WORDS = { guest: "guest", disk: "disk", nic: "network interface" } as const;

/** Events with indices for names and cycles for times. Throws UserError with the place of what doesn't fit. */
export function resolveEvents({ value, at }: Located<ScenarioFile>, names: Names, frequency: number): RunEvent[] {
  return (value.events ?? []).map((event, i): RunEvent => {
    const named = KINDS.filter((kind) => event[kind] !== undefined);
    if (named.length !== 1) {
      const what = named.length === 0 ? "an event that happens to nobody" : `an event that happens to ${named.length}`;
      throw new UserError(what, at(["events", i]), "Name one of guest, disk and nic");
    }
    const [kind] = named;
    const name = event[kind] as string;
    const known = names[kind].map((one) => one.name);
    const index = known.indexOf(name);
    if (index < 0) {
      const remedy = known.length > 0 ? suggest(name, known) : `The scenario has no ${WORDS[kind]}`;
      throw new UserError(`no ${WORDS[kind]} is called "${name}"`, at(["events", i, kind]), remedy);
    }
    const actions: readonly string[] = EVENT_ACTIONS[kind];
    if (!actions.includes(event.action)) {
      throw new UserError(
        `"${event.action}" can't happen to a ${WORDS[kind]}`,
        at(["events", i, "action"]),
        `Give ${actions.join(", ")}`,
      );
    }
    return { at: cycleOf(event.at, frequency), [kind]: index, action: event.action } as unknown as RunEvent;
  });
}
