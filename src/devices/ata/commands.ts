// ATA/ATAPI-6, "Command descriptions": those that move or check sectors, by how they do it.
import { Command } from "./registers.js";

export interface SectorCommand {
  /** By the data register, a sector or several an interrupt; by DMA; or not at all. */
  readonly by: "pio" | "multiple" | "dma" | "verify";
  readonly operation: "read" | "write";
  /** Whether it takes 48 bits of address and 16 of count. */
  readonly long: boolean;
}

const pair = (by: SectorCommand["by"], operation: SectorCommand["operation"], short: number[], long: number) => [
  ...short.map((command) => [command, { by, operation, long: false }] as const),
  [long, { by, operation, long: true }] as const,
];

export const sectorCommands: ReadonlyMap<number, SectorCommand> = new Map<number, SectorCommand>([
  ...pair("pio", "read", [Command.READ_SECTORS, Command.READ_SECTORS_NO_RETRY], Command.READ_SECTORS_EXT),
  ...pair("pio", "write", [Command.WRITE_SECTORS, Command.WRITE_SECTORS_NO_RETRY], Command.WRITE_SECTORS_EXT),
  ...pair("multiple", "read", [Command.READ_MULTIPLE], Command.READ_MULTIPLE_EXT),
  ...pair("multiple", "write", [Command.WRITE_MULTIPLE], Command.WRITE_MULTIPLE_EXT),
  ...pair("dma", "read", [Command.READ_DMA, Command.READ_DMA_NO_RETRY], Command.READ_DMA_EXT),
  ...pair("dma", "write", [Command.WRITE_DMA, Command.WRITE_DMA_NO_RETRY], Command.WRITE_DMA_EXT),
  ...pair("verify", "read", [Command.READ_VERIFY], Command.READ_VERIFY_EXT),
]);
