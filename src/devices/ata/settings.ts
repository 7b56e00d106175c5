// ATA/ATAPI-6, "SET FEATURES", "SET MULTIPLE MODE": what software chooses. Transfer modes show in IDENTIFY DEVICE and have no other
// effect; the write cache is the backend's business.
import { MOST_MULTIPLE } from "./registers.js";

/** What was chosen last. */
export interface Chosen {
  /** 0x20 | n multiword DMA, 0x40 | n Ultra DMA; 0 neither. */
  transferMode: number;
  /** Sectors a block; 0: READ MULTIPLE and WRITE MULTIPLE are refused. */
  multiple: number;
  writeCache: boolean;
}

export const defaultChoice = (): Chosen => ({ transferMode: 0, multiple: 0, writeCache: true });

const enum Feature {
  ENABLE_WRITE_CACHE = 0x02,
  SET_TRANSFER_MODE = 0x03,
  DISABLE_WRITE_CACHE = 0x82,
}

/** Whether a disk with Ultra DMA up to `udmaMode` knows the feature, which is then set. */
export function setFeature(chosen: Chosen, feature: number, value: number, udmaMode: number): boolean {
  switch (feature) {
    case Feature.SET_TRANSFER_MODE:
      if (!knows(value, udmaMode)) return false;
      if (value >= 0x20) chosen.transferMode = value;
      return true;
    case Feature.ENABLE_WRITE_CACHE:
    case Feature.DISABLE_WRITE_CACHE:
      chosen.writeCache = feature === Feature.ENABLE_WRITE_CACHE;
      return true;
    default:
      return false;
  }
}

/** PIO by default and 0…4, multiword DMA 0…2, Ultra DMA. */
function knows(mode: number, udmaMode: number): boolean {
  const number = mode & 7;
  switch (mode & 0xf8) {
    case 0x00:
      return number <= 1;
    case 0x08:
      return number <= 4;
    case 0x20:
      return number <= 2;
    case 0x40:
      return number <= udmaMode;
    default:
      return false;
  }
}

/** Whether a block may have so many sectors, as it then has. */
export function setMultiple(chosen: Chosen, sectors: number): boolean {
  const known = sectors <= MOST_MULTIPLE && (sectors & (sectors - 1)) === 0;
  if (known) chosen.multiple = sectors;
  return known;
}
