// Exits by cause. An exit that nobody handles does not compile.
import { Exit } from "../../../assembly/isa/exit.js";
import { environmentCallFromVS } from "./environment-call.js";
import { environmentCallFromS, exception } from "./exception.js";
import type { ExitHandler } from "./handler.js";
import { interrupt } from "./interrupt.js";
import { instructionGuestPageFault, loadGuestPageFault, storeGuestPageFault } from "./page-fault.js";
import { virtualInstruction } from "./virtual-instruction.js";
import { waitForInterrupt } from "./wait-for-interrupt.js";

export type { ExitGuest, ExitHandler, RegisterAccess } from "./handler.js";
export { ExitRecord } from "./record.js";

/** The machine's own business: time, physical registers, and the debugger. */
const notOurs: ExitHandler = (_guest, exit) => exit.again();

export const onExit = {
  [Exit.Deadline]: notOurs,
  [Exit.Mmio]: notOurs,
  [Exit.WaitForInterrupt]: waitForInterrupt,
  [Exit.EnvironmentCallFromVS]: environmentCallFromVS,
  [Exit.EnvironmentCallFromS]: environmentCallFromS,
  [Exit.InstructionGuestPageFault]: instructionGuestPageFault,
  [Exit.LoadGuestPageFault]: loadGuestPageFault,
  [Exit.StoreGuestPageFault]: storeGuestPageFault,
  [Exit.VirtualInstruction]: virtualInstruction,
  [Exit.Interrupt]: interrupt,
  [Exit.Exception]: exception,
  [Exit.Breakpoint]: notOurs,
} satisfies Record<Exit, ExitHandler>;
