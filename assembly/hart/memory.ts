// Loads and stores that the filters did not know: translation, caches, misaligned and device accesses.
import { ramAddress } from "../bus/ram";
import { Cause } from "../isa/cause";
import { Exit } from "../isa/exit";
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
import { GRANULE, filterEntry, loadTable, storeTable } from "../mmu/filter";
import { accessFault, dataMode, dataVirt, physical, translate, translateData } from "../mmu/translate";
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

/** Host address for an access within one page of RAM, its costs charged and the filter filled; 0 after a fault or exit. */
// @ts-ignore: decorator
@inline
export function dataAddress(va: u64, size: u32, write: u32): u32 {
  if (!translateData(va, write)) return 0;
  if (write && beside(HTIF_TOHOST, 8) && !(va & (size - 1))) {
    deviceAccess(va, physical, 1);
    return 0;
  }
  return reach(va, size, write, true);
}

/** The same for `physical`, already translated. */
// @ts-ignore: decorator
@inline
function reach(va: u64, size: u32, write: u32, filtered: bool): u32 {
  const pa = physical;
  const address = ramAddress(pa, size);
  if (!address) {
    if (va & (size - 1)) accessFault(va, write ? Access.Write : Access.Read);
    else deviceAccess(va, pa, write);
    return 0;
  }
  if (write) willWrite(address);
  const tag = va & ~(((<u64>1) << GRANULE) - 1);
  let entry: u32 = 0;
  if (filtered && !(write && beside(HTIF_TOHOST, 4096))) {
    entry = filterEntry(write ? storeTable() : loadTable(), va);
    store<u64>(entry, tag);
    store<u32>(entry, address - <u32>va, 8);
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
  const size: u32 = 1 << (kind & 3);
  if (!crossesPage(va, size)) {
    const address = dataAddress(va, size, 0);
    if (address) return extend(fetchBytes(address, size), kind);
    describeAccess(0, size, 0, rd, kind);
    return 0;
  }
  describeAccess(0, 0, 0, rd, kind); // no size: half of it may be RAM, nobody can finish it in its place
  const first: u32 = 4096 - (<u32>va & 0xfff);
  const low = pieceAddress(va, first, 0);
  if (!low) return 0;
  const high = pieceAddress(va + first, size - first, 0);
  if (!high) return 0;
  let value: u64 = 0;
  for (let i: u32 = 0; i < size; i++) {
    value |= (<u64>load<u8>(i < first ? low + i : high + i - first)) << (8 * i);
  }
  return extend(value, kind);
}

/** Stores the low `size` bytes of `value` at `va`; nothing is written if any byte faults. */
export function slowStore(va: u64, size: u32, value: u64): void {
  if (!crossesPage(va, size)) {
    const address = dataAddress(va, size, 1);
    if (address) putBytes(address, size, value);
    else describeAccess(1, size, value, 0, 0);
    return;
  }
  describeAccess(1, 0, value, 0, 0); // no size: half of it may be RAM, nobody can finish it in its place
  const first: u32 = 4096 - (<u32>va & 0xfff);
  const low = pieceAddress(va, first, 1);
  if (!low) return;
  const high = pieceAddress(va + first, size - first, 1);
  if (!high) return;
  for (let i: u32 = 0; i < size; i++) {
    store<u8>(i < first ? low + i : high + i - first, <u8>(value >> (8 * i)));
  }
}

/** One side of an access that crosses pages: RAM only. */
function pieceAddress(va: u64, size: u32, write: u32): u32 {
  if (!translate(va, write ? Access.Write : Access.Read, dataMode, dataVirt)) return 0;
  const address = ramAddress(physical, size);
  if (!address) {
    accessFault(va, write ? Access.Write : Access.Read);
    return 0;
  }
  if (write) willWrite(address);
  if (isDefined(TIMED)) charge(dataLine(physical, 0, write));
  return address;
}

/** HLV, HLVX and HSV: as if V = 1 and mode `m`. HLVX reads by execute permission (`hlvx`: Walk.Hlvx). */
export function guestLoad(va: u64, kind: u32, rd: u32, m: u32, hlvx: u32): u64 {
  const size: u32 = 1 << (kind & 3);
  describeAccess(0, size, 0, rd, kind);
  if (va & (size - 1)) {
    raise(Cause.LoadAddressMisaligned, va);
    return 0;
  }
  if (!translate(va, Access.Read, m, 1, hlvx)) return 0;
  const address = reach(va, size, 0, false);
  return address ? extend(fetchBytes(address, size), kind) : 0;
}
export function guestStore(va: u64, size: u32, value: u64, m: u32): void {
  describeAccess(1, size, value, 0, 0);
  if (va & (size - 1)) {
    raise(Cause.StoreAddressMisaligned, va);
    return;
  }
  if (!translate(va, Access.Write, m, 1)) return;
  const address = reach(va, size, 1, false);
  if (address) putBytes(address, size, value);
}

/** Host address for an atomic access: naturally aligned RAM; 0 after a fault. LR needs only to read. */
export function atomicAddress(va: u64, size: u32, write: u32): u32 {
  if (va & (size - 1)) {
    raise(write ? Cause.StoreAddressMisaligned : Cause.LoadAddressMisaligned, va);
    return 0;
  }
  describeAccess(write, 0, 0, 0, 0); // no size: nobody can finish it in its place
  if (!translate(va, write ? Access.Write : Access.Read, dataMode, dataVirt)) return 0;
  if (!ramAddress(physical, size)) {
    accessFault(va, write ? Access.Write : Access.Read);
    return 0;
  }
  return reach(va, size, write, true);
}
