// The board's firmware: M-mode, played by the host. Starts an S-mode kernel, answers its SBI calls, hands back the
// exceptions that are its own. Delegation as OpenSBI arranges it.
import { Csr } from "../../assembly/isa/csr.js";
import { Exit, Host } from "../../assembly/isa/exit.js";
import { Mode } from "../../assembly/isa/privilege.js";
import {
  EXIT_CAUSE,
  EXIT_FROM_MODE,
  EXIT_FROM_VIRT,
  EXIT_GPA,
  EXIT_TINST,
  EXIT_TVAL,
  HART_HOST,
  HART_MODE,
  HART_VIRT,
} from "../../assembly/layout.js";
import type { Core } from "../core/core.js";
import type { Machine, Supervisor } from "./machine.js";
import { redirect } from "./redirect.js";
import { answerEcall, HartStatus, type SbiContext, type SbiHarts } from "./sbi.js";
import { openMemory } from "./pmp.js";
import { openState } from "./stateen.js";
import { exceptionName } from "./trap-names.js";

/** SSIP, STIP, SEIP and their VS counterparts, SGEIP. */
const MIDELEG = 0x1666n;
/** Misaligned fetch, breakpoint, ECALL from U and VS, page faults, guest page faults, virtual instruction. */
const MEDELEG = 0xf0_b509n;
/** mcounteren.CY, TM, IR. */
const COUNTERS = 7n;
const MENVCFG_STCE = 1n << 63n;
const MENVCFG_PBMTE = 1n << 62n;
const MENVCFG_ADUE = 1n << 61n;
/** CBIE = 3 (invalidates), CBCFE, CBZE. */
const MENVCFG_CBO = 0xf0n;
const MSTATUS_SIE = 1n << 1n;
const SSIP = 1n << 1n;
const A0 = 10;
const A1 = 11;
const ECALL_LENGTH = 4n;

/** Leaves the selected hart in S-mode at `entry` as firmware does: a0 = hart id, a1 = device tree, no translation. */
export function enterSupervisor(core: Core, start: { entry: number | bigint; deviceTree: number | bigint }): void {
  core.setCsr(Csr.mideleg, MIDELEG);
  core.setCsr(Csr.medeleg, MEDELEG);
  core.setCsr(Csr.mcounteren, COUNTERS);
  core.setCsr(Csr.scounteren, COUNTERS); // as OpenSBI leaves it: a kernel without a driver for them never writes it
  core.setCsr(Csr.menvcfg, MENVCFG_STCE | MENVCFG_PBMTE | MENVCFG_ADUE | MENVCFG_CBO);
  openState(core);
  core.setCsr(Csr.stimecmp, 0xffff_ffff_ffff_ffffn);
  openMemory(core);
  core.setCsr(Csr.satp, 0n);
  core.setCsr(Csr.mstatus, core.csr(Csr.mstatus) & ~MSTATUS_SIE);
  core.setX(A0, BigInt(core.selected));
  core.setX(A1, BigInt(start.deviceTree));
  core.pc = BigInt(start.entry);
  core.u32[HART_MODE >>> 2] = Mode.S;
  core.u32[HART_VIRT >>> 2] = 0;
  core.u32[HART_HOST >>> 2] = Host.M;
  core.exports.flushTranslations();
}

/** The board's harts for their firmware. */
function boardHarts(machine: Machine): SbiHarts {
  const { core, harts } = machine;
  /** Does `what` with hart `id` selected. */
  const as = (id: number, what: () => void) => {
    const caller = core.selected;
    core.select(id);
    what();
    core.select(caller);
  };
  const statuses = { running: HartStatus.STARTED, stopped: HartStatus.STOPPED, waiting: HartStatus.STARTED } as const;
  return {
    count: harts.length,
    interrupt: (id) => harts[id].state.setCsr(Csr.mip, harts[id].state.csr(Csr.mip) | SSIP),
    fenceI: () => core.exports.fenceI(),
    fence: (id) => as(id, () => core.exports.flushTranslations()),
    status: (id) => statuses[harts[id].status],
    start: (id, entry, opaque) => {
      as(id, () => enterSupervisor(core, { entry, deviceTree: opaque }));
      harts[id].status = "running";
    },
    stop: () => {
      harts[core.selected].status = "stopped";
      return true;
    },
    suspend: () => {
      harts[core.selected].status = "waiting";
    },
  };
}

/** Supervisor of native mode. */
export class Firmware implements Supervisor {
  /** SBI calls so far. */
  calls = 0;
  private readonly context: SbiContext;

  constructor(private readonly machine: Machine) {
    const { core } = machine;
    machine.aplic?.delegateAll();
    this.context = {
      console: machine.console,
      harts: boardHarts(machine),
      setTimer: (ticks) => core.setCsr(Csr.stimecmp, ticks),
      shutdown: (failed) => machine.stop({ kind: "finished", code: failed ? 1 : 0 }),
      reboot: () => machine.stop({ kind: "reset" }),
      load: (address, length) => (core.inRam(address, length) ? core.slice(address, length) : undefined),
      store: (address, bytes) => {
        if (!core.inRam(address, bytes.length)) return false;
        core.store(address, bytes);
        return true;
      },
      regionOfInterest: (id, begin) => machine.regionOfInterest(id, begin),
    };
  }

  handle(exit: Exit): void {
    const { machine } = this;
    const { core } = machine;
    if (exit === Exit.EnvironmentCallFromS) {
      machine.charge("guest", machine.costs.cycles("firmware-call"));
      core.pc += ECALL_LENGTH;
      this.calls++;
      answerEcall(this.context, core);
    } else if (exit === Exit.Exception) {
      machine.charge("guest", machine.costs.cycles("firmware-call"));
      this.passDown();
    } else {
      machine.stop({ kind: "guest-error", message: `nothing handles exit ${exit}` });
    }
  }

  private passDown(): void {
    const { core } = this.machine;
    const { u32 } = core;
    const trap = {
      cause: core.u64[EXIT_CAUSE >>> 3],
      epc: core.pc,
      tval: core.u64[EXIT_TVAL >>> 3],
      fromMode: u32[EXIT_FROM_MODE >>> 2] as Mode,
      fromVirt: u32[EXIT_FROM_VIRT >>> 2] !== 0,
      gpa: core.u64[EXIT_GPA >>> 3],
      tinst: core.u64[EXIT_TINST >>> 3],
    };
    if (trap.fromMode === Mode.M || core.csr(Csr.stvec) >> 2n === 0n) {
      const message = `${exceptionName(Number(trap.cause))} without a trap handler`;
      this.machine.stop({ kind: "guest-error", message, address: Number(trap.tval) });
      return;
    }
    redirect(core, trap);
  }
}
