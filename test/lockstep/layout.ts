// Where everything lies in the RAM that both machines begin with. A program owns the window while it runs; before and after, the
// window lies in the program's slot.
import { RAM_START } from "../../assembly/layout.js";

export const PAGE = 4096;
export const RAM_BYTES = 0x200_0000;

/** M-mode code that brings each program into the window and back. */
export const DRIVER = RAM_START;
/** u64 index of the program under way, u64 how many there are, then each: u64 address of its slot, u64 bytes. */
export const PROGRESS = RAM_START + PAGE;
export const SLOT_LIST = PROGRESS + 16;
export const SLOTS = RAM_START + 0x40_0000;
/** Programs of one image. */
export const BATCH = 64;

/** The window's pages. 2 MiB aligned, so that a megapage can map it. */
export const WINDOW = RAM_START + 0x20_0000;
export const HANDLERS = WINDOW;
export const DESK = WINDOW + PAGE;
export const LOG = DESK + PAGE;
export const PROLOGUE = LOG + PAGE;
/** Two pages, aligned to their size: a program counter's low 13 bits tell the place in the code. */
export const CODE = PROLOGUE + PAGE;
export const CODE_BYTES = 2 * PAGE;
export const DATA = CODE + CODE_BYTES;
export const DATA_BYTES = 4 * PAGE;
/** Two pages full of `c.jr x31`: whoever lands here comes back. */
export const PADS = DATA + DATA_BYTES;
export const TABLES = PADS + 2 * PAGE;
export const TABLE_PAGES_MAX = 44;

/** The desk: what handlers, prologue and epilogue share; offsets from DESK. */
export const enum Desk {
  LogPointer = 0,
  /** Traps that are left before the program is stopped. */
  LogLeft = 8,
  /** By mode (enum Target): where the code lies for it; what goes to mstatus.MPP and MPV. */
  Alias = 0x10,
  Status = 0x40,
  /** t0, t1, t2 of whom M, HS and VS have interrupted. */
  SaveM = 0x80,
  SaveHS = 0xa0,
  SaveVS = 0xc0,
  X = 0x100,
  F = 0x200,
  Fcsr = 0x300,
  Csrs = 0x400,
}

/** A trap in the log: 8 × u64. */
export const LOG_ENTRY = 64;
export const LOG_MAX = 60;
export const LOG_FIELDS = ["taker", "cause", "epc", "tval", "tval2", "tinst", "status", "hstatus"] as const;
export const TAKERS = ["", "M", "HS", "VS"] as const;

/** Modes as a request names them. */
export const MODES = ["M", "S", "U", "VS", "VU"] as const;
export type Mode = (typeof MODES)[number];

/** An ECALL with a7 = REQUEST << 8 | n goes on in mode n at x31; with n = END it ends the program. */
export const REQUEST = 0x51;
export const END = 0xff;

/** Registers that programs leave to the harness: handlers spoil x29, loops count in x30, fetch faults go on at x31. */
export const SCRATCH = 29;
export const LOOP = 30;
export const RESUME = 31;
