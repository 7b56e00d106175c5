// HTIF on the board, for programs whose symbols say where tohost and fromhost lie.
import { HTIF_TOHOST } from "../../assembly/layout.js";
import { Htif } from "../devices/htif.js";
import { elfSymbols } from "./elf-symbols.js";
import type { Machine } from "./machine.js";

/**
 * Gives the machine HTIF if the ELF file `program` has a symbol `tohost` in RAM, on a doubleword. What the program ends with
 * becomes the code that the machine finishes with; its console is the machine's.
 */
export function attachHtif(machine: Machine, program: Uint8Array): Htif | undefined {
  const { core, events, console } = machine;
  const symbols = elfSymbols(program, ["tohost", "fromhost"]);
  const tohost = symbols.get("tohost");
  if (tohost === undefined || tohost % 8 !== 0 || !core.inRam(tohost, 8)) return undefined;
  const memory = {
    read: (address: number, length: number) => (core.inRam(address, length) ? core.slice(address, length) : undefined),
    write: (address: number, bytes: Uint8Array) => {
      if (core.inRam(address, bytes.length)) core.store(address, bytes);
    },
  };
  const finish = (code: number) => machine.stop({ kind: "finished", code });
  const htif = new Htif({ clock: events, console, memory, finish }, { tohost, fromhost: symbols.get("fromhost") });
  core.setNumber(HTIF_TOHOST, tohost);
  machine.bus.map(tohost, 8, htif);
  return htif;
}
