// A run: what is assembled, and what comes out of it. Plain data on both sides.
import type { DiskInterface, NicInterface } from "../platform/board.js";
import type { DeviceModes } from "../vmm/types.js";
import type { CommonMode, ModeChoice } from "./modes.js";
import type { VmmProfile } from "../platform/costs.js";

/** One guest of a run. */
export interface GuestConfig {
  /** Name in the report; unique. Default: "guest0", "guest1" … */
  readonly name?: string;
  /** The kernel: an ELF file's bytes. */
  readonly kernel: Uint8Array;
  /** Command line in /chosen/bootargs. */
  readonly bootargs: string;
  /** A mode for disk and network interface, or one per device: `{ disk: "assigned", nic: "paravirtual", serial: "emulated" }`. */
  readonly mode: ModeChoice;
  /** Bytes of RAM, a multiple of 4 MiB. Default 64 MiB. */
  readonly ram?: number;
  /** Which disk (index into `disks`), null for none. Default 0, or none for a guest with a network interface. */
  readonly disk?: number | null;
  /** Which network interface (index into `nics`). Default none. */
  readonly nic?: number;
  /** Queue pairs that a paravirtual network interface offers, 1 to 8. Default 1. */
  readonly queues?: number;
  /** Which serial line (index into `serials`). Default 0. */
  readonly serial?: number;
  /** Typed at the guest's console when its region of interest begins; it comes in at the line's rate. */
  readonly typed?: Uint8Array;
  /** The guest's share of the disk in bytes, multiples of 512 (emulated and paravirtual only). Default: an equal share each. */
  readonly range?: { readonly start: number; readonly length: number };
  /** Runs of bytes of the disk, one behind the other as those of a file are, in place of `range`. */
  readonly extents?: readonly { readonly start: number; readonly length: number }[];
  /** What it may have of devices that the VMM shares out. */
  readonly share?: ShareConfig;
}

/** A guest's share of the devices that the VMM drives itself (emulated and paravirtual only); weights are above 0. */
export interface ShareConfig {
  /** Bytes a second, and commands to the disk a second. Default: weight 1, no limit. */
  readonly disk?: { readonly weight?: number; readonly rate?: number; readonly iops?: number };
  /** Bits a second of the wire, framing included. Default: weight 1, no limit. */
  readonly nic?: { readonly weight?: number; readonly rate?: number };
}

/** One physical disk. */
export interface DiskConfig {
  /** Behind what controller; virtio only for a native guest. Default "nvme". */
  readonly interface?: DiskInterface;
  /** Bytes, a multiple of 512. */
  readonly size: number;
  /** Its contents; shorter than `size` reads as zeros behind. Default: a pattern made from `seed`. Not changed by the run. */
  readonly image?: Uint8Array;
  /** Commands that the VMM lets wait at the disk while guests share it. Default 16. */
  readonly depth?: number;
}

/** One physical network interface. */
export interface NicConfig {
  /** virtio only for a native guest. Default "e1000e", an Intel 82574L. */
  readonly interface?: NicInterface;
  /** Queue pairs that a virtio interface offers, 1 to 8. Default 1. */
  readonly queues?: number;
  /** Six bytes in hexadecimal, colons between them. Default 52:54:00:12:34:56 + its index. */
  readonly mac?: string;
  /** Interrupts a second at most, where the VMM drives it: a number, 0 for no limit, or as traffic asks for. Default 0. */
  readonly interrupts?: "adaptive" | number;
}

/** One physical serial line, a 16550A. */
export interface SerialConfig {
  /** Default: the machine's. */
  readonly baud?: number;
}

/** What the interfaces are connected to: one peer, through a switch where there are several. */
export interface LanConfig {
  /** bit/s of every wire. Default 1e9. */
  readonly bandwidth?: number;
  /** ns from end to end of a wire. Default 5000. */
  readonly latency?: number;
  /** Probability (0…1) that a frame is lost on an interface's wire. Default 0. */
  readonly loss?: number;
}

/** Something that happens to a guest, a disk or a network interface (their indices) at cycle `at` of the machine's clock. */
export type RunEvent = { readonly at: number } & (
  | {
      readonly guest: number;
      /** kill: it ends there; reset: it begins anew, as after power-on. */
      readonly action: "kill" | "reset";
    }
  | { readonly disk: number; readonly action: "reset" }
  | {
      readonly nic: number;
      /** reset: the controller forgets its registers; its cable is pulled, or plugged in again. */
      readonly action: "reset" | "link-down" | "link-up";
    }
);

/** An event as it came to pass, at cycle `cycle`. */
export type Happened = { readonly cycle: number } & (
  | {
      readonly guest: number;
      /** reboot: the guest asked for its reset itself. */
      readonly action: "kill" | "reset" | "reboot";
      /** The cycle at which it ran again. */
      readonly restarted?: number;
    }
  | { readonly disk: number; readonly action: "reset" }
  | { readonly nic: number; readonly action: "reset" | "link-down" | "link-up" }
);

/** Where an attacking guest aims. */
export type AttackTarget = "vmm" | "guest" | "nowhere";

/** Everything a run depends on: the same config gives the same result to the last digit. */
export interface RunConfig {
  readonly guests: readonly GuestConfig[];
  readonly disks?: readonly DiskConfig[];
  readonly nics?: readonly NicConfig[];
  readonly network?: LanConfig;
  /** What happens to the run from outside. */
  readonly events?: readonly RunEvent[];
  /** Default: one line. */
  readonly serials?: readonly SerialConfig[];
  /** Of the serial lines, as firmware or the VMM sets them. Default 115,200. */
  readonly baud?: number;
  /** Seed of the disk pattern and of device jitter. Default 1. */
  readonly seed?: number;
  /** "timed" has caches; "flat" has none. Default "timed". */
  readonly core?: "timed" | "flat";
  /** Bytes of the chunks in which guest memory is handed out. Default 4 MiB. */
  readonly chunk?: number;
  /** Bytes of the VMM's own memory, a multiple of `chunk`. Default 16 MiB. */
  readonly vmmRam?: number;
  /** Page size of the G-stage in bytes: 4096 or 2 MiB. Default 2 MiB. */
  readonly pageSize?: number;
  /** Page size of the IOMMU's second stage. Default: the same tables as the hart's. */
  readonly iommuPageSize?: number;
  /** Where the VMM's device models run: decides the defaults of its costs. Default "kernel". */
  readonly profile?: VmmProfile;
  /** Costs by name, each in its own unit: see src/platform/costs.ts. */
  readonly costs?: Readonly<Record<string, number>>;
  readonly iotlb?: { readonly entries: number; readonly ways?: number };
  /** Cycles that a guest runs before another that waits gets the hart. Default 15,000,000 (10 ms). */
  readonly timeSlice?: number;
  /** Cycles after which a run is called hung. Default 60,000,000,000 (40 s). */
  readonly maxCycles?: number;
  /**
   * Cycles without progress after which a guest is called hung. Default 3,000,000,000 (2 s). Progress is any byte of DMA
   * of its disk, any console output, and any exit that is no interrupt; natively any SBI call or WFI instead of exits.
   */
  readonly quietCycles?: number;
  /**
   * Compares all memory outside the first guest before and after its region of interest, looks for it in the frames that
   * leave by wire, and adds `attack_*` addresses to its command line.
   */
  readonly attack?: { readonly target: AttackTarget };
  /** Whether the result holds the disks' contents after the run. Default false. */
  readonly keepDisks?: boolean;
  /** Must be true for `assigned-raw`. */
  readonly allowRaw?: boolean;
}

/** Cycles by place. Their sum is the time that passed. */
export interface CyclesBy {
  guest: number;
  exit: number;
  vmm: number;
  idle: number;
}

/** What is counted between the beginning and the end of the guest's region of interest (or of the whole run without one). */
export interface RunCounters {
  /** Cycles that passed on the machine's clock, whoever ran. */
  cycles: number;
  /** Of those: this guest's own; its exits and the VMM's work for it; idle while nobody could run. With other guests, `elsewhere` is theirs. */
  cyclesBy: CyclesBy;
  elsewhere: number;
  instructions: number;
  /** Exits by reason. `mmio:<device>` splits mmio-read and mmio-write by device and isn't part of the sum. */
  exits: Record<string, number>;
  /** Registers that the guest reached without a VM exit, in accesses. */
  directMmio: number;
  iotlb: {
    hits: number;
    misses: number;
    evictions: number;
    evictionsByOthers: number;
    walkReferences: number;
    ddtReferences: number;
    faults: number;
  };
  interrupts: { raised: number; injected: number };
  /** Bytes that the VMM copied for this guest. */
  bytesCopied: number;
  /** Bytes moved by DMA. */
  dma: { requests: number; bytesRead: number; bytesWritten: number };
  tlbMisses: number;
  l1dMisses: number;
}

/** What a guest's characters did on the physical serial line, as its other end saw it. */
export interface SerialFigures {
  readonly baud: number;
  /** Characters that the guest gave to its device in the region of interest. */
  readonly sent: number;
  /** Of those: how many have arrived at the line's other end. */
  readonly arrived: number;
  /** Characters typed at the guest, over the whole run. */
  readonly received: number;
  /** From the first to the last of those sent, at the line's other end; 0 for fewer than two. */
  readonly charactersPerSecond: number;
  /** The same ÷ what the line can carry: a start bit, eight data bits and a stop bit each. */
  readonly ofLineRate: number;
  /** Seconds from the first bit of a character typed to the last bit of the one that the guest sent in answer to it. */
  readonly echo: { readonly mean: number; readonly most: number } | null;
}

/** Why a guest stopped. */
export type StopReason =
  | { readonly kind: "shutdown"; readonly code: number }
  /** Ended by an event of the run. */
  | { readonly kind: "killed" }
  | { readonly kind: "crash"; readonly what: string; readonly pc: number; readonly address: number }
  | {
      readonly kind: "hang";
      /** What ended it, and the value of that limit; without one, nothing could ever happen again. */
      readonly limit?: "max-cycles" | "quiet-cycles";
      readonly cycles?: number;
    };

/** Where bytes that a device wrote for a guest went, or those that it read came from. */
export interface Landed {
  /** Physical address of the first byte. */
  readonly start: number;
  /** Bytes written or read, those twice moved counted twice. */
  readonly bytes: number;
  /** Pages of 4 KiB, one after the other from that of `start`, that were hit. */
  readonly pages: number;
  /** "vmm", "free", "nothing" (no memory there) or a guest's name. */
  readonly owner: string;
  readonly what: string;
  /** Whether that is the memory that the guest meant. */
  readonly intended: boolean;
}

/** Bytes that changed outside the attacker's memory. */
export interface Damage {
  readonly owner: string;
  readonly what: string;
  readonly bytes: number;
  /** Physical address of the first changed byte. */
  readonly first: number;
}

/** Bytes of memory outside the attacker's that its network interface sent. */
export interface Leak extends Damage {
  /** The first of them, in hexadecimal. */
  readonly data: string;
}

/** A record of the IOMMU's fault queue. */
export interface FaultRecord {
  readonly cause: number;
  readonly deviceId: number;
  /** Transaction type (TTYP). */
  readonly type: number;
  readonly iova: number;
  readonly gpa: number;
}

export interface GuestResult {
  readonly name: string;
  /** "mixed" where disk and network interface differ. */
  readonly mode: CommonMode;
  readonly modes: DeviceModes;
  readonly console: string;
  readonly stop: StopReason;
  /** The `yado-result` line as key → value; undefined if there was none. */
  readonly result?: Readonly<Record<string, string>>;
  /** All `yado-attack` lines. */
  readonly attacks: readonly Readonly<Record<string, string>>[];
  readonly counters: RunCounters;
  /** From the result line, or zero. */
  readonly bytes: number;
  readonly operations: number;
  readonly checksum: string | undefined;
  /** 10^6 bytes per second of machine time. */
  readonly throughputMBps: number;
  readonly serial: SerialFigures;
  /** What the attach mode counted beside, over the whole run: name → number. */
  readonly details?: Readonly<Record<string, number>>;
  /** Where a device is assigned-raw: where the device's writes went. */
  readonly landed: readonly Landed[];
  /** And where its reads came from. */
  readonly taken: readonly Landed[];
}

/** What one guest has sent to the peer's store. */
export interface StoredFile {
  /** The guest's, as in 10.0.2.15. */
  readonly address: string;
  readonly datagrams: number;
  readonly bytes: number;
  /** Datagrams that never came. */
  readonly missing: number;
  /** "crc32c:1a2b3c4d" */
  readonly checksum: string;
}

/** How a device that the VMM drives was shared out. */
export interface DeviceShares {
  readonly device: "disk" | "nic";
  /** Of the disk, or of the network interface. */
  readonly index: number;
  /** Cycles between which all its guests were in their regions of interest; `end` isn't above `begin` when they never were. */
  readonly begin: number;
  readonly end: number;
  readonly guests: readonly GuestShare[];
}

export interface GuestShare {
  readonly name: string;
  readonly weight: number;
  /** Bytes a second (of a network interface with framing), commands a second; null without a limit. */
  readonly rate: number | null;
  readonly iops: number | null;
  /** What was given to the device for it in the whole run: commands or frames, and their bytes. */
  readonly pieces: number;
  readonly bytes: number;
  /** Of those, from `begin` to `end`. */
  readonly commonBytes: number;
  /** Cycles that they waited for their turn, all together, and the longest. */
  readonly waited: number;
  readonly longest: number;
}

/** Datagrams at the peer's services. */
export interface PeerCounts {
  readonly echoes: number;
  readonly discardedDatagrams: number;
  readonly discardedBytes: number;
  readonly given: number;
  readonly stored: readonly StoredFile[];
}

export interface RunResult {
  readonly guests: readonly GuestResult[];
  readonly cycles: number;
  readonly cyclesBy: CyclesBy;
  readonly frequency: number;
  /** The physical memory, from the bottom. */
  readonly memoryMap: readonly {
    readonly start: number;
    readonly bytes: number;
    readonly owner: string;
    readonly what: string;
  }[];
  /** With `attack`: what changed outside the attacker's memory, what of it left by wire, and what the IOMMU refused. */
  readonly damage: readonly Damage[];
  readonly leaks: readonly Leak[];
  readonly faults: readonly FaultRecord[];
  /** With network interfaces: what the peer has seen. */
  readonly peer?: PeerCounts;
  /** Of each device that the VMM shares between guests, or for which a guest's share is given. */
  readonly shares: readonly DeviceShares[];
  /** What happened to it from outside, and guests' own reboots, in order; left out where there was nothing. */
  readonly events?: readonly Happened[];
  /** With `keepDisks`: each disk's contents after the run. */
  readonly disks?: readonly Uint8Array[];
  /** The configuration with every default filled in, without the kernels' and images' bytes. */
  readonly resolved: Readonly<Record<string, unknown>>;
}

/** Told how a run goes on; changes nothing about it. Second argument of `run`. */
export interface RunObserver {
  /** Bytes moved by DMA so far (both ways), and the machine's clock in cycles. Called every few million cycles. */
  progress(dmaBytes: number, cycles: number): void;
}
