// NVM Express Base Specification 1.4, "Physical Region Page Entry and List", "Admin Command Set"; NVM Command Set.
// Turns a command that names guest-physical addresses into one that names physical addresses, or says with which
// status it ends. Works on the VMM's copy; only commands whose buffers are known pass.
import { readU32, writeU32 } from "../memory/words.js";
import { Admin, FEATURE_NUMBER_OF_QUEUES, NVME_PAGE, Nvm, PRPS_PER_PAGE, Status } from "../nvme-registers.js";
import type { GuestMemory, VmmServices } from "../types.js";
import { type AddressGate, leftInPage } from "./dma-ring.js";

/** A submission queue entry: sixteen u32. */
export type Sqe = Uint32Array;

const NSID = 1;
const MPTR = 4;
const PRP1 = 6;
const PRP2 = 8;
const CDW10 = 10;
const CDW11 = 11;
const CDW12 = 12;
/** Command dword 0: fused operation, and PRP or SGL for data transfer. */
const FUSE_AND_PSDT = 0xc300;
const NAMESPACE = 1;
const INVALID_NAMESPACE = 0x00b;
const NAMESPACE_NOT_READY = 0x082;
/** Identify: controller or namespace structure, in CDW10. */
const CNS = 0xff;
const CNS_NAMESPACE = 0;
/** Identify Namespace: FLBAS, and the first LBA format (MS, LBADS). */
const FLBAS = 26;
const LBAF0 = 128;

/** What the end of an admin command changes in the VMM's view of the queues. */
export const enum AdminEffect {
  None = 0,
  CreateCq = 1,
  CreateSq = 2,
  DeleteCq = 3,
  DeleteSq = 4,
  /** The number of queues that the device grants is more than the VMM does. */
  ClampQueues = 5,
  /** Identify Namespace: how large a block is decides how far the device reads a command's PRPs. */
  LearnNamespace = 6,
}

/** Bytes that a feature's data take, by feature identifier; a feature that isn't here doesn't pass (0x0d names addresses). */
const featureBytes: Readonly<Record<number, number>> = {
  1: 0,
  2: 0,
  3: 4096,
  4: 0,
  5: 0,
  6: 0,
  [FEATURE_NUMBER_OF_QUEUES]: 0,
  8: 0,
  9: 0,
  10: 0,
  11: 0,
  12: 256,
  14: 8,
  15: 0,
  16: 0,
  17: 0,
  128: 0,
  129: 16,
};

export interface RewriterConfig {
  /** Commands under way at most; each has PRP list pages of its own. */
  readonly slots: number;
  readonly memory: GuestMemory;
  readonly maxTransfer: number;
  /** What the list pages hold, for the memory map. */
  readonly what: string;
}

/** Rewrites the commands of one guest. */
export class NvmeRewriter {
  /** After `admin`: what its end means. */
  effect = AdminEffect.None;
  /** After a refusal: the address at fault. */
  faultLo = 0;
  faultHi = 0;
  /** Bytes of a block of the namespace; 0 until the device has said so, in memory that the guest cannot write. */
  blockSize = 0;
  /** PRP1 and PRP2 of the guest's Identify Namespace, by slot. */
  private readonly namespaceBuffers: (readonly number[])[] = [];
  private readonly lists: number;
  private readonly pagesPerSlot: number;
  private readonly page = new Uint32Array(NVME_PAGE / 4);

  constructor(
    private readonly vmm: VmmServices,
    private readonly gate: AddressGate,
    private readonly counters: { listBytesCopied: number },
    private readonly config: RewriterConfig,
  ) {
    const entries = Math.ceil(config.maxTransfer / NVME_PAGE);
    this.pagesPerSlot = Math.max(1, Math.ceil((entries - 1) / (PRPS_PER_PAGE - 1)));
    this.lists = vmm.allocate(config.slots * this.pagesPerSlot * NVME_PAGE, NVME_PAGE, config.what);
  }

  /** A command of the NVM command set; 0, or the status with which it ends at once. */
  io(sqe: Sqe, slot: number): number {
    this.clean(sqe);
    if ((sqe[0] & FUSE_AND_PSDT) !== 0) return Status.InvalidField;
    const opcode = sqe[0] & 0xff;
    if (opcode !== Nvm.Flush && sqe[NSID] !== NAMESPACE) return INVALID_NAMESPACE;
    switch (opcode) {
      case Nvm.Read:
      case Nvm.Write:
      case Nvm.Compare:
        if (this.blockSize === 0) return NAMESPACE_NOT_READY;
        return this.buffer(sqe, slot, ((sqe[CDW12] & 0xffff) + 1) * this.blockSize);
      case Nvm.DatasetManagement:
        return this.buffer(sqe, slot, ((sqe[CDW10] & 0xff) + 1) * 16);
      case Nvm.Flush:
      case Nvm.WriteUncorrectable:
      case Nvm.WriteZeroes:
        return this.buffer(sqe, slot, 0);
      default:
        return Status.InvalidOpcode;
    }
  }

  /**
   * A command of the admin command set; 0, or the status with which it ends at once. Of commands that create a queue,
   * the caller looks at the ring.
   */
  admin(sqe: Sqe, slot: number): number {
    this.clean(sqe);
    this.effect = AdminEffect.None;
    if ((sqe[0] & FUSE_AND_PSDT) !== 0) return Status.InvalidField;
    switch (sqe[0] & 0xff) {
      case Admin.DeleteSq:
        this.effect = AdminEffect.DeleteSq;
        return this.buffer(sqe, slot, 0);
      case Admin.DeleteCq:
        this.effect = AdminEffect.DeleteCq;
        return this.buffer(sqe, slot, 0);
      case Admin.CreateSq:
        this.effect = AdminEffect.CreateSq;
        return Status.Success;
      case Admin.CreateCq:
        this.effect = AdminEffect.CreateCq;
        return Status.Success;
      case Admin.Identify:
        if ((sqe[CDW10] & CNS) === CNS_NAMESPACE && sqe[NSID] === NAMESPACE) return this.identifyNamespace(sqe, slot);
        return this.buffer(sqe, slot, NVME_PAGE);
      case Admin.GetLogPage:
        return this.buffer(sqe, slot, ((sqe[CDW11] & 0xffff) * 0x1_0000 + (sqe[CDW10] >>> 16) + 1) * 4);
      case Admin.SetFeatures:
      case Admin.GetFeatures:
        return this.feature(sqe, slot);
      case Admin.Abort:
        // The identifier to abort is the guest's, which the device has never seen: one that it doesn't know is none.
        sqe[CDW10] = (sqe[CDW10] & 0xffff) | 0xffff_0000;
        return this.buffer(sqe, slot, 0);
      case Admin.AsyncEventRequest:
      case Admin.KeepAlive:
        return this.buffer(sqe, slot, 0);
      default:
        return Status.InvalidOpcode;
    }
  }

  /** The device answers into the slot's own page: what the VMM relies on isn't read from the guest's memory. */
  private identifyNamespace(sqe: Sqe, slot: number): number {
    const named = [...sqe.subarray(PRP1, PRP2 + 2)];
    const status = this.buffer(sqe, slot, NVME_PAGE);
    if (status !== Status.Success) return status;
    const own = this.listOf(slot);
    this.effect = AdminEffect.LearnNamespace;
    this.namespaceBuffers[slot] = named;
    sqe[PRP1] = own;
    sqe[PRP1 + 1] = Math.floor(own / 0x1_0000_0000);
    sqe[PRP2] = 0;
    sqe[PRP2 + 1] = 0;
    return Status.Success;
  }

  /** Identify Namespace has ended well: notes the block size and gives the guest its answer. Returns bytes copied. */
  learnNamespace(slot: number): number {
    const answer = this.vmm.core.slice(this.listOf(slot), NVME_PAGE);
    const format = LBAF0 + (answer[FLBAS] & 0xf) * 4;
    const metadata = answer[format] | (answer[format + 1] << 8);
    const lbads = answer[format + 2];
    this.blockSize = metadata === 0 && lbads >= 9 && lbads <= 16 ? 2 ** lbads : 0;
    const [lo, hi, nextLo, nextHi] = this.namespaceBuffers[slot];
    const first = leftInPage(lo);
    this.config.memory.write(hi * 0x1_0000_0000 + lo, answer.subarray(0, first));
    if (first < NVME_PAGE) this.config.memory.write(nextHi * 0x1_0000_0000 + nextLo, answer.subarray(first));
    return NVME_PAGE;
  }

  /** A slot's pages for lists. */
  private listOf(slot: number): number {
    return this.lists + slot * this.pagesPerSlot * NVME_PAGE;
  }

  private feature(sqe: Sqe, slot: number): number {
    const id = sqe[CDW10] & 0xff;
    const bytes = featureBytes[id];
    if (bytes === undefined) return Status.InvalidField;
    if (id === FEATURE_NUMBER_OF_QUEUES) this.effect = AdminEffect.ClampQueues;
    return this.buffer(sqe, slot, bytes);
  }

  /** No address but PRP1 and PRP2 reaches the device: dwords 2 and 3 are reserved, there is no metadata. */
  private clean(sqe: Sqe): void {
    sqe[2] = 0;
    sqe[3] = 0;
    sqe[MPTR] = 0;
    sqe[MPTR + 1] = 0;
    this.faultLo = 0;
    this.faultHi = 0;
  }

  /** Replaces PRP1 and PRP2 of a buffer of `length` bytes; a list is copied, checked and replaced entry by entry. */
  private buffer(sqe: Sqe, slot: number, length: number): number {
    if (length === 0) {
      for (let i = PRP1; i < PRP2 + 2; i++) sqe[i] = 0;
      return Status.Success;
    }
    if (length > this.config.maxTransfer) return Status.InvalidField;
    const first = Math.min(length, leftInPage(sqe[PRP1]));
    if (sqe[PRP1] % 4 !== 0) return this.refuse(Status.PrpOffsetInvalid, sqe[PRP1], sqe[PRP1 + 1]);
    const status = this.replace(sqe, PRP1, first);
    if (status !== Status.Success) return status;
    const more = Math.ceil((length - first) / NVME_PAGE);
    if (more > 1) return this.list(sqe, slot, more);
    if (more === 1) return this.replacePage(sqe, PRP2);
    sqe[PRP2] = 0;
    sqe[PRP2 + 1] = 0;
    return Status.Success;
  }

  /** Follows the guest's list for `more` pages and builds the slot's own of it. */
  private list(sqe: Sqe, slot: number, more: number): number {
    const own = this.listOf(slot);
    let lo = sqe[PRP2];
    let hi = sqe[PRP2 + 1];
    if (lo % 8 !== 0) return this.refuse(Status.PrpOffsetInvalid, lo, hi);
    let written = 0;
    for (let left = more; left > 0; ) {
      const here = leftInPage(lo) / 8;
      const entries = left > here ? here - 1 : left;
      const copied = Math.min(here, left);
      if (!this.copyList(lo, hi, copied * 8)) return this.refuse(Status.DataTransferError, lo, hi);
      for (let i = 0; i < entries; i++, written++) {
        const status = this.replacePage(this.page, i * 2);
        if (status !== Status.Success) return status;
        this.append(own, written, more, this.page[i * 2], this.page[i * 2 + 1]);
      }
      left -= entries;
      if (left === 0) break;
      lo = this.page[entries * 2];
      hi = this.page[entries * 2 + 1];
      if (lo % NVME_PAGE !== 0) return this.refuse(Status.PrpOffsetInvalid, lo, hi);
    }
    sqe[PRP2] = own;
    sqe[PRP2 + 1] = Math.floor(own / 0x1_0000_0000);
    return Status.Success;
  }

  /** Copies part of a list page, so that what is checked is what is used. */
  private copyList(lo: number, hi: number, bytes: number): boolean {
    const at = this.gate.translate(lo, hi, bytes);
    if (at < 0) return false;
    const { core } = this.vmm;
    for (let i = 0; i < bytes / 4; i++) this.page[i] = readU32(core, at + i * 4);
    this.counters.listBytesCopied += bytes;
    return true;
  }

  /** Writes entry `index` of `count` into the slot's list; a page's last entry chains when more than one is left. */
  private append(own: number, index: number, count: number, lo: number, hi: number): void {
    const { core } = this.vmm;
    const perPage = PRPS_PER_PAGE - 1;
    let page = Math.floor(index / perPage);
    let within = index % perPage;
    // The last page of the chain may use its last entry too.
    if (within === 0 && page > 0 && index === count - 1) {
      page--;
      within = perPage;
    }
    if (within === 0 && page > 0) {
      const next = own + page * NVME_PAGE;
      writeU32(core, next - 8, next);
      writeU32(core, next - 4, Math.floor(next / 0x1_0000_0000));
    }
    const at = own + page * NVME_PAGE + within * 8;
    writeU32(core, at, lo);
    writeU32(core, at + 4, hi);
  }

  private replacePage(words: Uint32Array, at: number): number {
    if (words[at] % NVME_PAGE !== 0) return this.refuse(Status.PrpOffsetInvalid, words[at], words[at + 1]);
    return this.replace(words, at, NVME_PAGE);
  }

  /** Replaces one address in place. */
  private replace(words: Uint32Array, at: number, bytes: number): number {
    this.vmm.charge("vmm", this.vmm.costs.rewriteAddress);
    const hpa = this.gate.translate(words[at], words[at + 1], bytes);
    if (hpa < 0) return this.refuse(Status.DataTransferError, words[at], words[at + 1]);
    words[at] = hpa;
    words[at + 1] = Math.floor(hpa / 0x1_0000_0000);
    return Status.Success;
  }

  /** Notes the address at fault. */
  refuse(status: number, lo: number, hi: number): number {
    this.faultLo = lo;
    this.faultHi = hi;
    return status;
  }
}
