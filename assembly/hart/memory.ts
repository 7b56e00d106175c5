// Loads and stores that the filters did not know: translation, caches, misaligned and device accesses.
import { ramAddress } from "../bus/ram";
import { Cause } from "../isa/cause";
import { Exit } from "../isa/exit";
import { Mode } from "../isa/privilege";
import {
  EXIT_ADDRESS,
  EXIT_LOAD_KIND,
  EXIT_PENDING,
  EXIT_RD,
  EXIT_REASON,
  EXIT_SIZE,
  EXIT_TVAL,
  EXIT_VALUE,
  EXIT_WRITE,
  HTIF_TOHOST,
} from "../layout";
import { GRANULE, dataEntry, noteStores } from "../mmu/filter";
import { Agency, pmpOpen, pmpRights } from "../mmu/pmp";
import { Pte } from "../mmu/pte";
import { accessFault, dataMode, dataVirt, pageShift, physical, translate, translateFor } from "../mmu/translate";
import { Access } from "../mmu/walk";
import { dataLine } from "../timing/caches";
import { willWrite } from "../bus/written";
import { Leave, charge, dirtyFloat, raise, setLeave } from "./state";

/** How a load extends, as funct3 of the LOAD opcode: log2 of the size, 4 for zero extension. */
export const enum Load {
  B = 0,
  H = 1,
  W = 2,
  D = 3,
  BU = 4,
  HU = 5,
  WU = 6,
  /** Into floating-point registers: a single is NaN-boxed. */
  FW = 10,
  FD = 11,
}

/** Settings of EXIT_PENDING. */
export const enum Pending {
  None = 0,
  Load = 1,
  Refused = 2,
  Step = 3,
}

/** Sign- or zero-extends the low bytes of `value` as `kind` says. */
export function extend(value: u64, kind: u32): u64 {
  switch (kind) {
    case Load.B: return <u64>(<i64>(<i8>value));
    case Load.H: return <u64>(<i64>(<i16>value));
    case Load.W: return <u64>(<i64>(<i32>value));
    case Load.BU: return value & 0xff;
    case Load.HU: return value & 0xffff;
    case Load.WU: return value & 0xffff_ffff;
    case Load.FW: return value | 0xffff_ffff_0000_0000;
    default: return value;
  }
}

/** Gives the load that the exit record describes its value. */
export function finishLoad(value: u64): void {
  const kind = load<u32>(EXIT_LOAD_KIND);
  store<u64>(load<u32>(EXIT_RD), extend(value, kind));
  if (kind >= <u32>Load.FW) dirtyFloat();
}

/** Reads `size` bytes, zero-extended. */
export function fetchBytes(address: u32, size: u32): u64 {
  switch (size) {
    case 1: return load<u8>(address);
    case 2: return load<u16>(address);
    case 4: return load<u32>(address);
    default: return load<u64>(address);
  }
}
export function putBytes(address: u32, size: u32, value: u64): void {
  switch (size) {
    case 1: store<u8>(address, <u8>value); break;
    case 2: store<u16>(address, <u16>value); break;
    case 4: store<u32>(address, <u32>value); break;
    default: store<u64>(address, value);
  }
}

/** Fills the part of the exit record that describes a data access; a load waits for its value. */
export function describeAccess(write: u32, size: u32, value: u64, rd: u32, kind: u32): void {
  store<u32>(EXIT_WRITE, write);
  store<u32>(EXIT_SIZE, size);
  store<u64>(EXIT_VALUE, value);
  store<u32>(EXIT_RD, rd);
  store<u32>(EXIT_LOAD_KIND, kind);
}

function deviceAccess(va: u64, pa: u64, write: u32): void {
  store<u64>(EXIT_TVAL, va);
  store<u32>(EXIT_REASON, Exit.Mmio);
  store<u64>(EXIT_ADDRESS, pa);
  store<u32>(EXIT_PENDING, write ? Pending.Step : Pending.Load);
  setLeave(Leave.Exit);
}

/** Whether `physical` is in the same naturally aligned `size` bytes as the address at `place`. */
// @ts-ignore: decorator
@inline
function beside(place: u32, size: u64): bool {
  return (physical ^ load<u64>(place)) < size;
}

/** What PMP makes of an access. */
const enum Protection {
  Forbidden = 0,
  /** To be asked again the next time: it doesn't allow the whole granule. */
  Allowed = 1,
  AllowedAround = 2,
}

/** Protection of `size` bytes at `pa` for an access of effective privilege `m`; without a call where there is none. */
// @ts-ignore: decorator
@inline
function protection(pa: u64, size: u32, write: u32, m: u32): u32 {
  const agency = m == Mode.M ? Agency.Machine : Agency.Supervisor;
  return pmpOpen(agency) ? <u32>Protection.AllowedAround : protectionByEntries(pa, size, write ? Pte.W : Pte.R, agency);
}
function protectionByEntries(pa: u64, size: u32, right: u32, agency: u32): u32 {
  const granule: u32 = 1 << GRANULE;
  const offset = <u32>pa & (granule - 1);
  const around = (pmpRights(pa - offset, granule, agency) & right) != 0;
  if (around && offset + size <= granule) return Protection.AllowedAround;
  if (!(pmpRights(pa, size, agency) & right)) return Protection.Forbidden;
  return around ? Protection.AllowedAround : Protection.Allowed;
}

/** Whether PMP forbids loads and stores of the program the `size` bytes at `pa`. */
export function dataProtected(pa: u64, size: u32, write: u32): bool {
  return protection(pa, size, write, dataMode) == Protection.Forbidden;
}

// @ts-ignore: decorator
@inline
function accessKind(write: u32): u32 {
  return write ? Access.Write : Access.Read;
}

/**
 * Host address for an access to `physical` within one page of RAM, its costs charged; 0 after a fault or exit. `m`: effective
 * privilege. `filtered`: it is an ordinary access, whose granule the filter shall know from now on.
 */
// @ts-ignore: decorator
@inline
function reach(va: u64, size: u32, write: u32, m: u32, filtered: bool): u32 {
  const pa = physical;
  const allowed = protection(pa, size, write, m);
  if (allowed == Protection.Forbidden) {
    accessFault(va, accessKind(write));
    return 0;
  }
  const address = ramAddress(pa, size);
  if (!address) {
    if (va & (size - 1)) accessFault(va, accessKind(write));
    else deviceAccess(va, pa, write);
    return 0;
  }
  if (write) willWrite(address);
  let entry: u32 = 0;
  if (filtered && allowed == Protection.AllowedAround && !(write && beside(HTIF_TOHOST, 4096))) {
    entry = dataEntry(va, write, pageShift);
    store<u64>(entry, va & ~(((<u64>1) << GRANULE) - 1));
    store<u32>(entry, address - <u32>va, 8);
    if (write) noteStores(address);
  }
  if (isDefined(TIMED)) {
    charge(dataLine(pa, entry, write));
    // the second line of a misaligned access
    if (((va + size - 1) ^ va) >> GRANULE) charge(dataLine(pa + size - 1, 0, write));
  }
  return address;
}

// @ts-ignore: decorator
@inline
function crossesPage(va: u64, size: u32): bool {
  return (va & 0xfff) + size > 4096;
}

/** Loads `1 << (kind & 3)` bytes at `va`. On `leave` the result means nothing; `rd` takes it later if a device answers. */
export function slowLoad(va: u64, kind: u32, rd: u32): u64 {
  return loadAs(va, kind, rd, dataMode, dataVirt, 0, true);
}
/** HLV and HLVX: as if V = 1 and mode `m`. HLVX reads by execute permission (`hlvx`: Walk.Hlvx). */
export function guestLoad(va: u64, kind: u32, rd: u32, m: u32, hlvx: u32): u64 {
  return loadAs(va, kind, rd, m, 1, hlvx, false);
}
// @ts-ignore: decorator
@inline
function loadAs(va: u64, kind: u32, rd: u32, m: u32, v: u32, hlvx: u32, filtered: bool): u64 {
  const size: u32 = 1 << (kind & 3);
  if (!crossesPage(va, size)) {
    const address = translateFor(va, Access.Read, m, v, hlvx) ? reach(va, size, 0, m, filtered) : 0;
    if (address) return extend(fetchBytes(address, size), kind);
    describeAccess(0, size, 0, rd, kind);
    return 0;
  }
  describeAccess(0, 0, 0, rd, kind); // no size: half of it may be RAM, nobody can finish it in its place
  const first: u32 = 4096 - (<u32>va & 0xfff);
  const low = pieceAddress(va, first, 0, m, v, hlvx);
  if (!low) return 0;
  const high = pieceAddress(va + first, size - first, 0, m, v, hlvx);
  if (!high) return 0;
  let value: u64 = 0;
  for (let i: u32 = 0; i < size; i++) {
    value |= (<u64>load<u8>(i < first ? low + i : high + i - first)) << (8 * i);
  }
  return extend(value, kind);
}

/** Stores the low `size` bytes of `value` at `va`; nothing is written if any byte faults. */
export function slowStore(va: u64, size: u32, value: u64): void {
  storeAs(va, size, value, dataMode, dataVirt, true);
}
/** HSV: as if V = 1 and mode `m`. */
export function guestStore(va: u64, size: u32, value: u64, m: u32): void {
  storeAs(va, size, value, m, 1, false);
}
// @ts-ignore: decorator
@inline
function storeAs(va: u64, size: u32, value: u64, m: u32, v: u32, filtered: bool): void {
  if (!crossesPage(va, size)) {
    let address: u32 = 0;
    if (translateFor(va, Access.Write, m, v, 0)) {
      if (beside(HTIF_TOHOST, 8) && !(va & (size - 1))) deviceAccess(va, physical, 1);
      else address = reach(va, size, 1, m, filtered);
    }
    if (address) putBytes(address, size, value);
    else describeAccess(1, size, value, 0, 0);
    return;
  }
  describeAccess(1, 0, value, 0, 0); // no size: half of it may be RAM, nobody can finish it in its place
  const first: u32 = 4096 - (<u32>va & 0xfff);
  const low = pieceAddress(va, first, 1, m, v, 0);
  if (!low) return;
  const high = pieceAddress(va + first, size - first, 1, m, v, 0);
  if (!high) return;
  for (let i: u32 = 0; i < size; i++) {
    store<u8>(i < first ? low + i : high + i - first, <u8>(value >> (8 * i)));
  }
}

/** One side of an access that crosses pages: RAM only. */
function pieceAddress(va: u64, size: u32, write: u32, m: u32, v: u32, hlvx: u32): u32 {
  if (!translate(va, accessKind(write), m, v, hlvx)) return 0;
  const address = ramAddress(physical, size);
  if (!address || !protection(physical, size, write, m)) {
    accessFault(va, accessKind(write));
    return 0;
  }
  if (write) willWrite(address);
  if (isDefined(TIMED)) charge(dataLine(physical, 0, write));
  return address;
}

/** Host address for an atomic access: naturally aligned RAM; 0 after a fault. LR needs only to read. */
export function atomicAddress(va: u64, size: u32, write: u32): u32 {
  if (va & (size - 1)) {
    raise(write ? Cause.StoreAddressMisaligned : Cause.LoadAddressMisaligned, va);
    return 0;
  }
  describeAccess(write, 0, 0, 0, 0); // no size: nobody can finish it in its place
  if (!translate(va, accessKind(write), dataMode, dataVirt)) return 0;
  if (!ramAddress(physical, size)) {
    accessFault(va, accessKind(write));
    return 0;
  }
  return reach(va, size, write, dataMode, true);
}
