// Exits that the core finishes by itself, since their answer needs no policy: SBI BASE and TIME. They cost and count what
// they would here; only the host's time differs.
import { Cost } from "../../../assembly/isa/cost.js";
import { Counter } from "../../../assembly/isa/counter.js";
import { Exit, Handler } from "../../../assembly/isa/exit.js";
import { SBI_BASE_ANSWERS } from "../../../assembly/layout.js";
import type { Core } from "../../core/core.js";
import { Eid, type SbiContext, sbiCall } from "../../platform/sbi.js";
import type { VmmCosts } from "../costs.js";

/** Functions of the BASE extension whose answers don't depend on arguments: all but 3, which Wasm leaves to us. */
const BASE_FUNCTIONS = 7;

export class ExitsInWasm {
  /** What one call costs, by place. */
  readonly exit: number;
  readonly work: number;
  private seen = 0;

  constructor(
    private readonly core: Core,
    costs: VmmCosts,
  ) {
    const leaving = costs.trap + costs.saveRestore + costs.trapReturn;
    const indirect = Math.ceil((leaving + costs.hypercall) * costs.indirect);
    this.exit = leaving + indirect;
    this.work = costs.hypercall;
    core.setCost(Cost.ExitInWasm, this.exit);
    core.setCost(Cost.HypercallInWasm, this.work);
  }

  /** @param context any guest's: the answers are the same for all */
  start(context: SbiContext): void {
    const { core } = this;
    for (let fid = 0; fid < BASE_FUNCTIONS; fid++) {
      const { value } = sbiCall(context, BigInt(Eid.BASE), BigInt(fid), [0n, 0n, 0n, 0n, 0n, 0n]);
      core.u64[(SBI_BASE_ANSWERS >>> 3) + fid] = value;
    }
    core.exports.setHandler(Exit.EnvironmentCallFromVS, Handler.Sbi);
  }

  /** SBI calls that Wasm answered since the last time. */
  take(): number {
    const calls = this.core.counter(Counter.ExitsSbi);
    const since = calls - this.seen;
    this.seen = calls;
    return since;
  }
}
