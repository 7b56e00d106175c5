// RISC-V IOMMU Architecture 1.0, "Process to translate an IOVA", steps 17 to 20 (steps 1 to 16: directory.ts; step 18: msi.ts).
import { HpmEvent, IoFault } from "../isa/iommu";
import { Pte } from "../mmu/pte";
import {
  Access,
  Agent,
  AtpMode,
  Walk,
  WalkResult,
  walk,
  walkGShift,
  walkGlobal,
  walkGpa,
  walkImplicit,
  walkImplicitWrite,
  walkMemoryType,
  walkPa,
  walkPerm,
  walkReferences,
  walkSecondStages,
  walkShift,
  walkVsShift,
} from "../mmu/walk";
import { guestPageFault } from "./directory";
import { countEvent } from "./hpm";
import { insert, invalidate, lookup, used } from "./iotlb";
import { hasInterruptFile, msiAddress, translateMsi } from "./msi";
import { access, faultValue2, hit, miss, readTables, setFaultValue2, supervisor } from "./request";
import { Context, Entry, HPM_ACTIVE, MEMORY_TYPE_SHIFT } from "./state";

/** Supervisor physical address, and log2 of the size of the page around it; after `translate` returned 0. */
export let spa: u64 = 0;
export let pageShift: u32 = 0;
/** PBMT that both stages come to, for whoever asks. */
export let memoryType: u32 = 0;

/** Guest physical address of the page that the last lookup or walk found, when there was one. */
let gpaPage: u64 = 0;

/** Page size of a transaction that no stage translates. */
const UNTRANSLATED_SHIFT: u32 = 63;

/** Translates `iova` in `context` for the transaction under way. Returns 0 or the cause of the fault. */
// @ts-ignore: decorator
@inline
export function translate(context: u32, iova: u64): u32 {
  return load<u32>(context, Context.MsiMode) ? translateOrMsi(context, iova) : translatePage(context, iova);
}

/** Steps 17 to 20 with an MSI page table: a page of a virtual interrupt file has no use for the second stage. */
function translateOrMsi(context: u32, iova: u64): u32 {
  if (load<u32>(context, Context.VsMode) == AtpMode.Bare) {
    return hasInterruptFile(context, iova, 12) ? msi(context, iova) : spare(context, iova, translatePage(context, iova));
  }
  const cause = translatePage(context, iova);
  let gpa = gpaPage | (iova & (((<u64>1) << pageShift) - 1));
  if (cause) {
    if (cause != guestPageFault(access) || faultValue2 & 1) return cause;
    gpa = (faultValue2 & ~0xfff) | (iova & 0xfff);
  }
  if (!hasInterruptFile(context, gpa, 12)) return spare(context, gpa, cause);
  setFaultValue2(0);
  return msi(context, gpa);
}

/** A superpage with virtual interrupt files in it holds for 4 KiB at a time, so that each of them is recognized. */
function spare(context: u32, gpa: u64, cause: u32): u32 {
  if (!cause && hasInterruptFile(context, gpa, pageShift)) pageShift = 12;
  return cause;
}

function msi(context: u32, gpa: u64): u32 {
  const cause = translateMsi(context, gpa);
  spa = msiAddress;
  pageShift = 12;
  memoryType = 0;
  return cause;
}

// @ts-ignore: decorator
@inline
function translatePage(context: u32, iova: u64): u32 {
  const space = load<u64>(context, Context.Space);
  if (load<u32>(HPM_ACTIVE)) countEvent(HpmEvent.UntranslatedRequests, space, 1);
  if (!space) {
    spa = iova;
    pageShift = UNTRANSLATED_SHIFT;
    memoryType = 0;
    return 0;
  }
  let entry = lookup(space, iova);
  while (entry) {
    if (allowed(load<u32>(entry, Entry.Perm), context)) {
      used(entry);
      hit();
      const shift = load<u8>(entry, Entry.Tag);
      gpaPage = load<u64>(entry, Entry.Gpa);
      spa = load<u64>(entry, Entry.Pa) | (iova & (((<u64>1) << shift) - 1));
      pageShift = shift;
      memoryType = load<u32>(entry, Entry.Perm) >> MEMORY_TYPE_SHIFT;
      return 0;
    }
    // The tables may allow by now what they did not when the entry was made: no invalidation is due for more rights.
    invalidate(entry);
    entry = lookup(space, iova);
  }
  return translateByTables(context, space, iova);
}

/** Whether a cached translation suffices for the transaction; W implies that D is set. */
// @ts-ignore: decorator
@inline
function allowed(perm: u32, context: u32): bool {
  if (!(perm & ((<u32>Pte.R) << access))) return false;
  if (!supervisor) return (perm & Pte.U) != 0;
  if (!(perm & Pte.U) || load<u32>(context, Context.VsMode) == AtpMode.Bare) return true;
  return access != Access.Execute && (load<u32>(context, Context.Flags) & Walk.Sum) != 0;
}

function translateByTables(context: u32, space: u64, iova: u64): u32 {
  miss();
  const vsMode = load<u32>(context, Context.VsMode);
  const gMode = load<u32>(context, Context.GMode);
  const flags = load<u32>(context, Context.Flags) | (supervisor ? 0 : Walk.User);
  const result = walk(
    Agent.Hub,
    iova,
    vsMode,
    load<u64>(context, Context.VsRoot),
    gMode,
    load<u64>(context, Context.GRoot),
    access,
    flags,
  );
  readTables(walkReferences);
  if (load<u32>(HPM_ACTIVE)) {
    countEvent(HpmEvent.TlbMiss, space, 1);
    if (vsMode != AtpMode.Bare) countEvent(HpmEvent.FirstStageWalks, space, 1);
    if (walkSecondStages) countEvent(HpmEvent.SecondStageWalks, space, walkSecondStages);
  }
  if (result == WalkResult.PageFault) return pageFault(access);
  if (result == WalkResult.AccessFault) return accessFault(access);
  if (result == WalkResult.GuestPageFault) {
    setFaultValue2((walkGpa & ~3) | walkImplicit | (walkImplicitWrite << 1));
    return guestPageFault(access);
  }
  const user: u32 = vsMode == AtpMode.Bare ? Pte.U : 0;
  const global: u32 = walkGlobal ? Pte.G : 0;
  const owner = load<u32>(context, Context.Owner);
  const entry = insert(space, iova, walkShift, walkPa, walkGpa, walkPerm | user | global | (walkMemoryType << MEMORY_TYPE_SHIFT), owner);
  store<u8>(entry, walkVsShift, Entry.VsShift);
  store<u8>(entry, walkGShift, Entry.GShift);
  gpaPage = load<u64>(entry, Entry.Gpa);
  spa = walkPa;
  pageShift = walkShift;
  memoryType = walkMemoryType;
  return 0;
}

export function accessFault(kind: u32): u32 {
  if (kind == Access.Write) return IoFault.WriteAccessFault;
  return kind == Access.Read ? IoFault.ReadAccessFault : IoFault.InstructionAccessFault;
}

function pageFault(kind: u32): u32 {
  if (kind == Access.Write) return IoFault.WritePageFault;
  return kind == Access.Read ? IoFault.ReadPageFault : IoFault.InstructionPageFault;
}
