// NVM Express Base Specification 1.4, "Get Log Page command": Error Information, SMART / Health Information, Firmware
// Slot Information. Every number in them is counted.

export const enum LogPage {
  ErrorInformation = 1,
  SmartHealth = 2,
  FirmwareSlot = 3,
}

/** Error Log Page Entries (ELPE) + 1. */
export const ERROR_ENTRIES = 16;
const ERROR_ENTRY_BYTES = 64;
const SMART_BYTES = 512;
const FIRMWARE_BYTES = 512;

/** Critical warning: a temperature beyond its threshold. */
export const WARNING_TEMPERATURE = 1 << 1;
/** Critical warning: the medium is read only. */
const WARNING_READ_ONLY = 1 << 3;
const AVAILABLE_SPARE = 100;
const AVAILABLE_SPARE_THRESHOLD = 10;

/** An error; `sqid` and `cid` are ffffh for one that no command caused. */
export interface ErrorEntry {
  sqid: number;
  cid: number;
  /** Status field without phase tag. */
  status: number;
  lba: number;
  nsid: number;
}

export class LogPages {
  /** Newest first. */
  private errors: (ErrorEntry & { count: number })[] = [];
  errorCount = 0;
  readonly smart = {
    /** 512-byte units, whole numbers of which go into the page by thousands. */
    unitsRead: 0,
    unitsWritten: 0,
    readCommands: 0,
    writeCommands: 0,
    powerCycles: 1,
    unsafeShutdowns: 0,
    mediaErrors: 0,
    /** Cycles during which I/O commands were outstanding. */
    busyCycles: 0,
  };
  criticalWarning = 0;

  constructor(
    private readonly firmwareRevision: string,
    private readonly temperature: number,
    writeProtected: boolean,
  ) {
    if (writeProtected) this.criticalWarning |= WARNING_READ_ONLY;
  }

  error(entry: ErrorEntry): void {
    this.errors.unshift({ ...entry, count: ++this.errorCount });
    if (this.errors.length > ERROR_ENTRIES) this.errors.pop();
  }

  /** The page, or undefined when there is none of this number. */
  page(page: number, now: number, frequency: number): Uint8Array | undefined {
    switch (page) {
      case LogPage.ErrorInformation:
        return this.errorPage();
      case LogPage.SmartHealth:
        return this.smartPage(now, frequency);
      case LogPage.FirmwareSlot:
        return this.firmwarePage();
      default:
        return undefined;
    }
  }

  private errorPage(): Uint8Array {
    const bytes = new Uint8Array(ERROR_ENTRIES * ERROR_ENTRY_BYTES);
    const view = new DataView(bytes.buffer);
    this.errors.forEach((entry, i) => {
      const at = i * ERROR_ENTRY_BYTES;
      put64(view, at, entry.count);
      view.setUint16(at + 8, entry.sqid, true);
      view.setUint16(at + 10, entry.cid, true);
      view.setUint16(at + 12, (entry.status << 1) & 0xffff, true);
      view.setUint16(at + 14, 0xffff, true); // no single field is to blame
      put64(view, at + 16, entry.lba);
      view.setUint32(at + 24, entry.nsid, true);
    });
    return bytes;
  }

  private smartPage(now: number, frequency: number): Uint8Array {
    const { smart } = this;
    const bytes = new Uint8Array(SMART_BYTES);
    const view = new DataView(bytes.buffer);
    const minutes = (cycles: number) => Math.floor(cycles / frequency / 60);
    bytes[0] = this.criticalWarning;
    view.setUint16(1, this.temperature, true);
    bytes[3] = AVAILABLE_SPARE;
    bytes[4] = AVAILABLE_SPARE_THRESHOLD;
    put64(view, 32, Math.ceil(smart.unitsRead / 1000));
    put64(view, 48, Math.ceil(smart.unitsWritten / 1000));
    put64(view, 64, smart.readCommands);
    put64(view, 80, smart.writeCommands);
    put64(view, 96, minutes(smart.busyCycles));
    put64(view, 112, smart.powerCycles);
    put64(view, 128, Math.floor(minutes(now) / 60));
    put64(view, 144, smart.unsafeShutdowns);
    put64(view, 160, smart.mediaErrors);
    put64(view, 176, this.errorCount);
    return bytes;
  }

  private firmwarePage(): Uint8Array {
    const bytes = new Uint8Array(FIRMWARE_BYTES);
    bytes[0] = 1; // slot 1 is active
    putText(bytes, 8, 8, this.firmwareRevision);
    return bytes;
  }
}

/** A count below 2^53 as 64 bits. */
export function put64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000) >>> 0, true);
}

/** ASCII, left-justified and filled up with spaces. */
export function putText(bytes: Uint8Array, at: number, length: number, text: string): void {
  for (let i = 0; i < length; i++) bytes[at + i] = i < text.length ? text.charCodeAt(i) & 0x7f : 0x20;
}
