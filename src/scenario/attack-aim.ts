// Where a hostile driver aims: physical addresses that belong to others and that no guest-physical address of its own
// equals, so that a hit is no accident and a refusal is the check's.
import { RAM_START } from "../../assembly/layout.js";
import type { Placement } from "../vmm/memory/placement.js";
import type { Owner } from "../vmm/types.js";
import type { AttackTarget } from "./types.js";

/** Bytes beyond the end of RAM at which nothing answers. */
const BEYOND = 0x100_0000;
/** Into the victim's memory, so that the first bytes stay whole. */
const INSIDE = 0x1_0000;

/** Memory on top of all guests': more of the VMM's, and the RAM of a neighbour that never runs. */
export function attackTop(chunk: number): (Owner & { bytes: number })[] {
  return [
    { owner: "vmm", what: "code and data", bytes: chunk },
    { owner: "neighbour", what: "neighbour's RAM", bytes: chunk },
  ];
}

/** A page of the target, not below `least` (the end of the attacker's own guest-physical RAM) where there is one. */
export function attackAddress(target: AttackTarget, placement: Placement, least: number): number {
  const end = RAM_START + placement.ramSize;
  if (target === "nowhere") return end + BEYOND;
  const owner = target === "vmm" ? "vmm" : "neighbour";
  const runs = placement.map().filter((run) => run.owner === owner && run.what !== "unused");
  const run = runs.find(({ start }) => start >= least) ?? runs.at(-1);
  return run ? run.start + INSIDE : end + BEYOND;
}
