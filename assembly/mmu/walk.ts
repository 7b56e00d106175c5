// RISC-V Privileged Architecture 1.13, "Virtual Address Translation Process" and "Two-Stage Address Translation":
// the one walker of hart and hub. Both stages, Sv39 to Sv57 and the x4 modes, are the same loop.
import { ramAddress } from "../bus/ram";
import { willWrite } from "../bus/written";
import { walkReference } from "../timing/caches";
import { Agency, pmpOpen, pmpRights } from "./pmp";
import { Pte, leafReserved, leafShift, pointerReserved, pteAddress, pteLeaf, pteMemoryType, pteValid } from "./pte";

/** Who walks: its memory references go through the hart's PMP and caches, or are counted in `walkReferences`. */
export const enum Agent {
  Hart = 0,
  Hub = 1,
}

/** Kind of access, explicit or implicit. */
export const enum Access {
  Read = 0,
  Write = 1,
  Execute = 2,
}

/** Circumstances of a walk; combine by OR. */
export const enum Walk {
  /** Effective privilege is U (or VU). */
  User = 1,
  Sum = 2,
  /** MXR as the VS stage sees it: vsstatus.MXR or HS-level sstatus.MXR. */
  Mxr = 4,
  /** HS-level sstatus.MXR: holds for the G stage as well. */
  GMxr = 8,
  /** HLVX: execute permission takes the place of read permission, at both stages. */
  Hlvx = 16,
  /** Hardware updates A and D at the VS stage; without it such an access faults (Svade). */
  VsAdue = 32,
  GAdue = 64,
  /** PBMT may be used at the VS stage, at the G stage (Svpbmt). */
  VsPbmt = 128,
  GPbmt = 256,
  /** A look from outside: A and D don't matter, and stay. */
  Peek = 512,
}

/** Result of a walk. */
export const enum WalkResult {
  Ok = 0,
  PageFault = 1,
  GuestPageFault = 2,
  /** A page-table entry lies outside RAM, or PMP forbids its use. */
  AccessFault = 3,
}

/** MODE of satp, vsatp, hgatp, fsc and iohgatp. */
export const enum AtpMode {
  Bare = 0,
  Sv39 = 8,
  Sv48 = 9,
  Sv57 = 10,
}

/** Translated address; valid after Ok. */
export let walkPa: u64 = 0;
/** Guest physical address of the access, or of whatever faulted at the G stage. */
export let walkGpa: u64 = 0;
/** 1 if the guest-page fault hit a VS-stage page-table entry, and 1 if that was the update of its A or D bit. */
export let walkImplicit: u32 = 0;
export let walkImplicitWrite: u32 = 0;
/** Pte bits R, W, X, U that may be cached: W only once D is set at both stages; U as asked for when the VS stage is bare. */
export let walkPerm: u32 = 0;
/** log2 of the size of the smaller page of both stages; 12 if both are bare. */
export let walkShift: u32 = 0;
/** 1 if the VS-stage leaf, or a pointer above it, is global. */
export let walkGlobal: u32 = 0;
/** log2 of the page of the VS-stage leaf, and of the G-stage leaf of the final access; 64 where a stage is bare. */
export let walkVsShift: u32 = 0;
export let walkGShift: u32 = 0;
/** PBMT of the VS-stage leaf, or if that is 0 of the G-stage leaf. */
export let walkMemoryType: u32 = 0;
/** Page-table entries that the last walk of the hub read. */
export let walkReferences: u32 = 0;
/** Second-stage translations that the last walk needed. */
export let walkSecondStages: u32 = 0;

/** Outcome of the last second stage. */
let gPa: u64 = 0;
let gPerm: u32 = 0;
let gMemoryType: u32 = 0;

const NO_STAGE: u32 = 64;
const RWX: u32 = Pte.R | Pte.W | Pte.X;

/** Whether PMP lets the walker read (Pte.R) or update (Pte.W) the entry at `pa`: "the effective privilege mode is S". */
// @ts-ignore: decorator
@inline
function accessible(agent: u32, pa: u64, right: u32): bool {
  return agent == Agent.Hub || pmpOpen(Agency.Supervisor) || (pmpRights(pa, 8, Agency.Supervisor) & right) != 0;
}

function reference(agent: u32, pa: u64): void {
  if (agent == Agent.Hart) walkReference(pa);
  else ++walkReferences;
}

/** Step 8: whether `perm` (Pte R, W, X) allows `access`; `exec` stands for R where X does (HLVX), `mxr` joins X to R. */
function permits(perm: u32, access: u32, mxr: u32, hlvx: u32): bool {
  if (access == Access.Write) return (perm & Pte.W) != 0;
  if (access == Access.Execute || hlvx) return (perm & Pte.X) != 0;
  return (perm & (mxr ? Pte.R | Pte.X : Pte.R)) != 0;
}

/** What a leaf allows without another walk. */
function cacheable(pte: u64): u32 {
  return <u32>pte & (pte & Pte.D ? RWX : RWX & ~Pte.W);
}

/** The A and D bits that `access` needs. */
function needed(access: u32, flags: u32): u64 {
  if (flags & Walk.Peek) return 0;
  return access == Access.Write ? Pte.A | Pte.D : Pte.A;
}

/** Step 5: a superpage must be aligned to its size. */
function misaligned(pte: u64, shift: u32): bool {
  return (pteAddress(pte) & (((<u64>1) << shift) - 1)) != 0;
}

/** Step 10: where `address` lies in the page of 2^`shift` bytes that a leaf maps. */
function within(pte: u64, address: u64, shift: u32): u64 {
  const offset = ((<u64>1) << shift) - 1;
  return (pteAddress(pte) & ~offset) | (address & offset);
}

/** Step 9: nobody else has run since the entry was read, so that nothing need be compared. */
function update(address: u32, pte: u64): void {
  willWrite(address);
  store<u64>(address, pte);
}

/** Second stage alone: guest physical address to gPa, gPerm, walkGShift. */
function gStage(agent: u32, gpa: u64, mode: u32, root: u64, access: u32, flags: u32): u32 {
  if (mode == AtpMode.Bare) {
    gPa = gpa;
    gPerm = RWX;
    gMemoryType = 0;
    walkGShift = NO_STAGE;
    return WalkResult.Ok;
  }
  ++walkSecondStages;
  let shift = 12 + 9 * (mode - 6);
  if (gpa >> (shift + 11)) return WalkResult.GuestPageFault;
  let table = root;
  let index = gpa >> shift;
  while (true) {
    const at = table + (index << 3);
    const address = ramAddress(at, 8);
    if (!address || !accessible(agent, at, Pte.R)) return WalkResult.AccessFault;
    reference(agent, at);
    let pte = load<u64>(address);
    if (!pteValid(pte)) return WalkResult.GuestPageFault;
    if (pteLeaf(pte)) {
      if (misaligned(pte, shift) || leafReserved(pte, shift, flags & Walk.GPbmt) || !(pte & Pte.U)) return WalkResult.GuestPageFault;
      if (!permits(<u32>pte, access, flags & Walk.GMxr, flags & Walk.Hlvx)) return WalkResult.GuestPageFault;
      const need = needed(access, flags);
      if ((pte & need) != need) {
        if (!(flags & Walk.GAdue)) return WalkResult.GuestPageFault;
        if (!accessible(agent, at, Pte.W)) return WalkResult.AccessFault;
        pte |= need;
        update(address, pte);
      }
      walkGShift = leafShift(pte, shift);
      gPa = within(pte, gpa, walkGShift);
      gPerm = cacheable(pte);
      gMemoryType = pteMemoryType(pte);
      return WalkResult.Ok;
    }
    if (shift == 12 || pointerReserved(pte)) return WalkResult.GuestPageFault;
    table = pteAddress(pte);
    shift -= 9;
    index = (gpa >> shift) & 511;
  }
}

/**
 * Translates `va`. `vsMode`, `gMode`: MODE of satp/vsatp/fsc and hgatp/iohgatp; roots are physical addresses, `vsRoot` a
 * guest physical one when the G stage is active. `flags`: enum Walk. Returns enum WalkResult; the rest lies in walkPa …
 */
export function walk(
  agent: u32,
  va: u64,
  vsMode: u32,
  vsRoot: u64,
  gMode: u32,
  gRoot: u64,
  access: u32,
  flags: u32,
): u32 {
  walkReferences = 0;
  walkSecondStages = 0;
  walkVsShift = NO_STAGE;
  walkImplicit = 0;
  walkImplicitWrite = 0;
  walkGlobal = 0;
  if (vsMode == AtpMode.Bare) {
    walkGpa = va;
    const result = gStage(agent, va, gMode, gRoot, access, flags);
    if (result == WalkResult.Ok) {
      walkPa = gPa;
      walkMemoryType = gMemoryType;
      walkPerm = gPerm | (flags & Walk.User ? Pte.U : 0);
      walkShift = gMode == AtpMode.Bare ? 12 : walkGShift;
    }
    return result;
  }
  let shift = 12 + 9 * (vsMode - 6);
  const spare = 55 - shift;
  if (<u64>(<i64>(va << spare) >> spare) != va) return WalkResult.PageFault;
  const implicit = flags & (Walk.GAdue | Walk.GPbmt | Walk.Peek);
  let table = vsRoot;
  while (true) {
    const at = table + (((va >> shift) & 511) << 3);
    const result = gStage(agent, at, gMode, gRoot, Access.Read, implicit);
    if (result != WalkResult.Ok) {
      walkGpa = at;
      walkImplicit = 1;
      return result;
    }
    const pa = gPa;
    const address = ramAddress(pa, 8);
    if (!address || !accessible(agent, pa, Pte.R)) return WalkResult.AccessFault;
    reference(agent, pa);
    let pte = load<u64>(address);
    if (!pteValid(pte)) return WalkResult.PageFault;
    walkGlobal |= <u32>pte & Pte.G;
    if (!pteLeaf(pte)) {
      if (shift == 12 || pointerReserved(pte)) return WalkResult.PageFault;
      table = pteAddress(pte);
      shift -= 9;
      continue;
    }
    if (misaligned(pte, shift) || leafReserved(pte, shift, flags & Walk.VsPbmt) || !userAllows(pte, access, flags)) {
      return WalkResult.PageFault;
    }
    if (!permits(<u32>pte, access, flags & Walk.Mxr, flags & Walk.Hlvx)) return WalkResult.PageFault;
    const need = needed(access, flags);
    if ((pte & need) != need) {
      if (!(flags & Walk.VsAdue)) return WalkResult.PageFault;
      if (!(gPerm & Pte.W)) {
        const written = gStage(agent, at, gMode, gRoot, Access.Write, implicit);
        if (written != WalkResult.Ok) {
          walkGpa = at;
          walkImplicit = 1;
          walkImplicitWrite = 1;
          return written;
        }
      }
      if (!accessible(agent, pa, Pte.W)) return WalkResult.AccessFault;
      pte |= need;
      update(address, pte);
    }
    shift = leafShift(pte, shift);
    walkGpa = within(pte, va, shift);
    const final = gStage(agent, walkGpa, gMode, gRoot, access, flags);
    if (final != WalkResult.Ok) return final;
    walkPa = gPa;
    walkPerm = (cacheable(pte) & gPerm) | (<u32>pte & Pte.U);
    walkVsShift = shift;
    walkShift = min(shift, walkGShift);
    walkGlobal >>= 5;
    walkMemoryType = pteMemoryType(pte) ? pteMemoryType(pte) : gMemoryType;
    return WalkResult.Ok;
  }
}

/** Step 6: U-mode needs U = 1; S-mode may touch such a page with SUM = 1, but never execute from it. */
function userAllows(pte: u64, access: u32, flags: u32): bool {
  if (flags & Walk.User) return (pte & Pte.U) != 0;
  return !(pte & Pte.U) || ((flags & Walk.Sum) != 0 && access != Access.Execute);
}
