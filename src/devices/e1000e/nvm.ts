// Intel 82574 GbE Controller Family Datasheet 3.4, "Non-Volatile Memory Map", "EEPROM Read Register - EERD", "EEPROM/Flash
// Control Register - EECD": an EEPROM of 64 words whose sum is 0xBABA.
import { E1000E_IDENTITY } from "./parameters.js";

const WORDS = 64;
const SUM = 0xbaba;
const CHECKSUM = 0x3f;
const enum Word {
  MAC = 0x00,
  LED = 0x04,
  SUBSYSTEM = 0x0b,
  SUBSYSTEM_VENDOR = 0x0c,
  DEVICE = 0x0d,
}
/** EERD and EEWR. */
const START = 1 << 0;
const DONE = 1 << 1;
const ADDRESS_SHIFT = 2;
const ADDRESS_MASK = 0x3fff;
const DATA_SHIFT = 16;
/** EECD: request, grant, present, automatic read done; a flash's bits are clear. */
const EECD_REQ = 1 << 6;
const EECD_GNT = 1 << 7;
const EECD_PRES = 1 << 8;
const EECD_AUTO_RD = 1 << 9;

/** Contents that outlive every reset. */
export class Nvm {
  readonly words = new Uint16Array(WORDS);
  private control = 0;
  private answer = DONE;

  constructor(mac: readonly number[]) {
    const { words } = this;
    for (let i = 0; i < 3; i++) words[Word.MAC + i] = mac[2 * i] | (mac[2 * i + 1] << 8);
    words[Word.LED] = 0x8911;
    words[Word.SUBSYSTEM] = 0;
    words[Word.SUBSYSTEM_VENDOR] = E1000E_IDENTITY.subsystemVendor;
    words[Word.DEVICE] = E1000E_IDENTITY.device;
    const sum = words.reduce((total, word) => total + word, 0);
    words[CHECKSUM] = SUM - sum;
  }

  /** The first receive address: low and high, as RAL0 and RAH0 hold it. */
  get address(): [low: number, high: number] {
    const { words } = this;
    return [(words[0] | (words[1] << 16)) >>> 0, words[2]];
  }

  get eecd(): number {
    const granted = this.control & EECD_REQ ? EECD_GNT : 0;
    return this.control | granted | EECD_PRES | EECD_AUTO_RD;
  }
  set eecd(value: number) {
    this.control = value & EECD_REQ;
  }

  get eerd(): number {
    return this.answer;
  }
  set eerd(value: number) {
    this.access(value, (at) => this.words[at]);
  }

  get eewr(): number {
    return DONE;
  }
  set eewr(value: number) {
    this.access(value, (at) => {
      this.words[at] = value >>> DATA_SHIFT;
      return this.words[at];
    });
  }

  private access(value: number, word: (at: number) => number): void {
    const at = (value >>> ADDRESS_SHIFT) & ADDRESS_MASK;
    const there = (value & START) !== 0 && at < WORDS;
    this.answer = ((at << ADDRESS_SHIFT) | (there ? (word(at) << DATA_SHIFT) | DONE : 0)) >>> 0;
  }

  reset(): void {
    this.control = 0;
    this.answer = DONE;
  }
}
