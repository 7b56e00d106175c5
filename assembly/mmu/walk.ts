// RISC-V Privileged Architecture 1.13, "Virtual Address Translation Process" and "Two-Stage Address Translation":
// the one walker of hart and hub. Both stages, Sv39 to Sv57 and the x4 modes, are the same loop.
import { ramAddress } from "../bus/ram";
import { walkReference } from "../timing/caches";
import { Pte, pointerReserved, pteAddress, pteLeaf, pteValid } from "./pte";

/** Who walks: its memory references go through the hart's caches, or are counted in `walkReferences`. */
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
}

/** Result of a walk. */
export const enum WalkResult {
  Ok = 0,
  PageFault = 1,
  GuestPageFault = 2,
  /** A page-table entry lies outside RAM. */
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
/** Page-table entries that the last walk of the hub read. */
export let walkReferences: u32 = 0;
/** Second-stage translations that the last walk needed. */
export let walkSecondStages: u32 = 0;

/** Outcome of the last second stage. */
let gPa: u64 = 0;
let gPerm: u32 = 0;

const NO_STAGE: u32 = 64;
const RWX: u32 = Pte.R | Pte.W | Pte.X;

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
function needed(access: u32): u64 {
  return access == Access.Write ? Pte.A | Pte.D : Pte.A;
}

/** Second stage alone: guest physical address to gPa, gPerm, walkGShift. */
function gStage(agent: u32, gpa: u64, mode: u32, root: u64, access: u32, flags: u32): u32 {
  if (mode == AtpMode.Bare) {
    gPa = gpa;
    gPerm = RWX;
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
    if (!address) return WalkResult.AccessFault;
    reference(agent, at);
    let pte = load<u64>(address);
    if (!pteValid(pte)) return WalkResult.GuestPageFault;
    if (pteLeaf(pte)) {
      const offset = ((<u64>1) << shift) - 1;
      const base = pteAddress(pte);
      if (base & offset || !(pte & Pte.U)) return WalkResult.GuestPageFault;
      if (!permits(<u32>pte, access, flags & Walk.GMxr, flags & Walk.Hlvx)) return WalkResult.GuestPageFault;
      const need = needed(access);
      if ((pte & need) != need) {
        if (!(flags & Walk.GAdue)) return WalkResult.GuestPageFault;
        pte |= need;
        store<u64>(address, pte);
      }
      gPa = base | (gpa & offset);
      gPerm = cacheable(pte);
      walkGShift = shift;
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
      walkPerm = gPerm | (flags & Walk.User ? Pte.U : 0);
      walkShift = gMode == AtpMode.Bare ? 12 : walkGShift;
    }
    return result;
  }
  let shift = 12 + 9 * (vsMode - 6);
  const spare = 55 - shift;
  if (<u64>(<i64>(va << spare) >> spare) != va) return WalkResult.PageFault;
  const implicit = flags & Walk.GAdue;
  let table = vsRoot;
  while (true) {
    const at = table + (((va >> shift) & 511) << 3);
    const result = gStage(agent, at, gMode, gRoot, Access.Read, implicit);
    if (result != WalkResult.Ok) {
      walkGpa = at;
      walkImplicit = 1;
      return result;
    }
    const address = ramAddress(gPa, 8);
    if (!address) return WalkResult.AccessFault;
    reference(agent, gPa);
    let pte = load<u64>(address);
    if (!pteValid(pte)) return WalkResult.PageFault;
    walkGlobal |= <u32>pte & Pte.G;
    if (!pteLeaf(pte)) {
      if (shift == 12 || pointerReserved(pte)) return WalkResult.PageFault;
      table = pteAddress(pte);
      shift -= 9;
      continue;
    }
    const offset = ((<u64>1) << shift) - 1;
    const base = pteAddress(pte);
    if (base & offset || !userAllows(pte, access, flags)) return WalkResult.PageFault;
    if (!permits(<u32>pte, access, flags & Walk.Mxr, flags & Walk.Hlvx)) return WalkResult.PageFault;
    const need = needed(access);
    if ((pte & need) != need) {
      if (!(flags & Walk.VsAdue)) return WalkResult.PageFault;
      if (!(gPerm & Pte.W)) {
        const update = gStage(agent, at, gMode, gRoot, Access.Write, implicit);
        if (update != WalkResult.Ok) {
          walkGpa = at;
          walkImplicit = 1;
          walkImplicitWrite = 1;
          return update;
        }
      }
      pte |= need;
      store<u64>(address, pte);
    }
    walkGpa = base | (va & offset);
    const final = gStage(agent, walkGpa, gMode, gRoot, access, flags);
    if (final != WalkResult.Ok) return final;
    walkPa = gPa;
    walkPerm = (cacheable(pte) & gPerm) | (<u32>pte & Pte.U);
    walkVsShift = shift;
    walkShift = min(shift, walkGShift);
    walkGlobal >>= 5;
    return WalkResult.Ok;
  }
}

/** Step 6: U-mode needs U = 1; S-mode may touch such a page with SUM = 1, but never execute from it. */
function userAllows(pte: u64, access: u32, flags: u32): bool {
  if (flags & Walk.User) return (pte & Pte.U) != 0;
  return !(pte & Pte.U) || ((flags & Walk.Sum) != 0 && access != Access.Execute);
}
