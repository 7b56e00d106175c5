// RISC-V IOMMU Architecture 1.0, "Process to locate the Device-context", "Process to locate the Process-context",
// "Device-context configuration checks", "Process-context configuration checks", and the caches of both.
import { ramAddress } from "../bus/ram";
import { Counter } from "../isa/counter";
import { HpmEvent, IoFault, IommuReg, IommuMode, PcTa, PdtpMode, Tc } from "../isa/iommu";
import {
  Access,
  Agent,
  AtpMode,
  Walk,
  WalkResult,
  walk,
  walkGpa,
  walkPa,
  walkReferences,
  walkSecondStages,
} from "../mmu/walk";
import { countEvent } from "./hpm";
import {
  access,
  count,
  device,
  processId,
  processValid,
  readDirectory,
  readTables,
  setFaultsDisabled,
  setFaultValue2,
  supervisor,
} from "./request";
import {
  BARE_CONTEXT,
  CONTEXT_SIZE,
  Context,
  DC_CACHE,
  DC_CACHE_ENTRIES,
  GUEST_OWNER,
  PC_CACHE,
  PC_CACHE_ENTRIES,
  SPACE_GSCID_SHIFT,
  SPACE_GV,
  SPACE_PSCV,
  ddtpMode,
  leafBits,
  queueBase,
  reg64,
} from "./state";

const EMPTY: u64 = 0xffff_ffff_ffff_ffff;
const PPN: u64 = 0xfff_ffff_ffff;
/** Bits of a non-leaf directory entry other than V and PPN. */
const POINTER_RESERVED: u64 = 0xffc0_0000_0000_03fe;
/** Reserved bits of tc, ta (without QOSID), iosatp and pdtp, of a process context's ta. Bits 31:24 of tc are for custom use. */
const TC_RESERVED: u64 = 0xffff_ffff_00ff_f000;
const TA_RESERVED: u64 = 0xffff_ffff_0000_0fff;
const FSC_RESERVED: u64 = 0x0fff_f000_0000_0000;
/** Bits of msi_addr_mask and msi_addr_pattern beyond a guest physical page number of Sv57x4. */
const MSI_RESERVED: u64 = 0xffff_8000_0000_0000;
/** Bytes of a device context in the extended format. */
const EXTENDED_SIZE: u32 = 64;
const PC_TA_RESERVED: u64 = 0xffff_ffff_0000_0ff8;
/** tc bits of features that `capabilities` does not have: ATS, T2GPA, the other endianness, Sv32. */
const TC_UNSUPPORTED: u32 = Tc.EN_ATS | Tc.EN_PRI | Tc.T2GPA | Tc.PRPR | Tc.SBE | Tc.SXL;

/** Context by which the transaction is translated, after `locate` returned 0. */
export let context: u32 = 0;

/** Steps 1 to 16 of "Process to translate an IOVA", with an untranslated request: finds `context`, or returns the fault. */
// @ts-ignore: decorator
@inline
export function locate(): u32 {
  const mode = ddtpMode();
  if (mode == IommuMode.Off) return IoFault.AllInboundTransactionsDisallowed;
  if (mode == IommuMode.Bare) {
    context = BARE_CONTEXT;
    return 0;
  }
  if (tooWide(device)) return IoFault.TransactionTypeDisallowed;
  const dc = DC_CACHE + ((device ^ (device >> 8) ^ (device >> 16)) & (DC_CACHE_ENTRIES - 1)) * CONTEXT_SIZE;
  if (load<u64>(dc, Context.Key) == <u64>device) {
    count(Counter.DdtCacheHits, 1);
  } else {
    count(Counter.DdtCacheMisses, 1);
    const fault = locateDevice(dc, mode);
    if (fault) return fault;
  }
  const tc = load<u32>(dc, Context.Control);
  setFaultsDisabled(tc & Tc.DTF);
  context = dc;
  if (!(tc & Tc.PDTV)) return processValid ? IoFault.TransactionTypeDisallowed : 0;
  const pdMode = load<u32>(dc, Context.PdMode);
  if (processValid) {
    if (pdMode != PdtpMode.Bare && processId >> processWidth(pdMode)) return IoFault.TransactionTypeDisallowed;
  } else if (!(tc & Tc.DPE)) return 0;
  if (pdMode == PdtpMode.Bare) return 0;
  const key = ((<u64>processId) << 24) | device;
  const pc = PC_CACHE + ((device ^ processId) & (PC_CACHE_ENTRIES - 1)) * CONTEXT_SIZE;
  if (load<u64>(pc, Context.Key) != key) {
    const fault = locateProcess(pc, dc, pdMode);
    if (fault) return fault;
  }
  context = pc;
  return supervisor && !(load<u32>(pc, Context.Control) & PcTa.ENS) ? IoFault.TransactionTypeDisallowed : 0;
}

/** Whether a device_id is wider than the levels of the directory allow. */
// @ts-ignore: decorator
@inline
export function tooWide(id: u32): bool {
  const mode = ddtpMode();
  if (mode != IommuMode.OneLevel && mode != IommuMode.TwoLevel) return false;
  return id >> (leafBits() + 9 * (mode - IommuMode.OneLevel)) != 0;
}

/** Bits of process_id that PD8, PD17 and PD20 allow. */
function processWidth(pdMode: u32): u32 {
  return pdMode == PdtpMode.PD8 ? 8 : pdMode == PdtpMode.PD17 ? 17 : 20;
}

/** "Process to locate the Device-context": fills the cache entry `dc`. */
function locateDevice(dc: u32, mode: u32): u32 {
  countEvent(HpmEvent.DeviceDirectoryWalks, 0, 1);
  let table = queueBase(reg64(IommuReg.ddtp));
  let level = mode - IommuMode.OneLevel;
  const leaf = leafBits();
  const size: u32 = 4096 >> leaf;
  while (level) {
    const index = (device >> (leaf + 9 * (level - 1))) & 511;
    const address = ramAddress(table + index * 8, 8);
    if (!address) return IoFault.DdtEntryLoadAccessFault;
    readDirectory();
    const entry = load<u64>(address);
    if (!(entry & 1)) return IoFault.DdtEntryNotValid;
    if (entry & POINTER_RESERVED) return IoFault.DdtEntryMisconfigured;
    table = queueBase(entry);
    --level;
  }
  const address = ramAddress(table + (device & ((1 << leaf) - 1)) * size, size);
  if (!address) return IoFault.DdtEntryLoadAccessFault;
  readDirectory();
  const tc = load<u64>(address);
  const iohgatp = load<u64>(address, 8);
  const ta = load<u64>(address, 16);
  const fsc = load<u64>(address, 24);
  if (!(tc & Tc.V)) return IoFault.DdtEntryNotValid;
  if (deviceMisconfigured(tc, iohgatp, ta, fsc)) return IoFault.DdtEntryMisconfigured;
  store<u32>(dc, 0, Context.MsiMode);
  if (size == EXTENDED_SIZE && !extended(dc, address, iohgatp)) return IoFault.DdtEntryMisconfigured;
  const directory = (tc & Tc.PDTV) != 0;
  store<u64>(dc, device, Context.Key);
  store<u64>(dc, directory ? (fsc & PPN) << 12 : 0, Context.PdRoot);
  store<u32>(dc, directory ? <u32>(fsc >> 60) : 0, Context.PdMode);
  store<u32>(dc, <u32>tc, Context.Control);
  store<u64>(dc, (iohgatp & PPN) << 12, Context.GRoot);
  store<u32>(dc, <u32>(iohgatp >> 60), Context.GMode);
  const guest = iohgatp >> 60 ? SPACE_GV | (((iohgatp >> 44) & 0xffff) << SPACE_GSCID_SHIFT) : 0;
  store<u32>(dc, guest ? GUEST_OWNER | (<u32>(iohgatp >> 44) & 0xffff) : device, Context.Owner);
  const updates = Walk.GPbmt | Walk.VsPbmt | (tc & Tc.GADE ? Walk.GAdue : 0) | (tc & Tc.SADE ? Walk.VsAdue : 0);
  firstStage(dc, guest, directory ? 0 : fsc, <u32>(ta >> 12) & 0xf_ffff, updates);
  return 0;
}

/** The second half of a device context in the extended format; false if it is misconfigured. */
function extended(dc: u32, address: u32, iohgatp: u64): bool {
  const msiptp = load<u64>(address, 32);
  const mask = load<u64>(address, 40);
  const pattern = load<u64>(address, 48);
  if (msiptp & FSC_RESERVED || (mask | pattern) & MSI_RESERVED || load<u64>(address, 56)) return false;
  const mode = <u32>(msiptp >> 60);
  if (mode > 1 || (mode && !(iohgatp >> 60))) return false;
  store<u64>(dc, (msiptp & PPN) << 12, Context.MsiRoot);
  store<u64>(dc, mask, Context.MsiMask);
  store<u64>(dc, pattern, Context.MsiPattern);
  store<u32>(dc, mode, Context.MsiMode);
  return true;
}

/** Fills in what depends on the first stage: `fsc` holds iosatp. */
function firstStage(entry: u32, guest: u64, fsc: u64, pscid: u32, flags: u32): void {
  store<u64>(entry, fsc >> 60 ? guest | SPACE_PSCV | pscid : guest, Context.Space);
  store<u64>(entry, (fsc & PPN) << 12, Context.VsRoot);
  store<u32>(entry, <u32>(fsc >> 60), Context.VsMode);
  store<u32>(entry, flags, Context.Flags);
}

function deviceMisconfigured(tc: u64, iohgatp: u64, ta: u64, fsc: u64): bool {
  if (tc & (TC_RESERVED | TC_UNSUPPORTED) || ta & TA_RESERVED || fsc & FSC_RESERVED) return true;
  const mode = <u32>(fsc >> 60);
  if (tc & Tc.PDTV ? mode > <u32>PdtpMode.PD20 : !modeSupported(mode) || (tc & Tc.DPE) != 0) return true;
  const gMode = <u32>(iohgatp >> 60);
  return !modeSupported(gMode) || (gMode != AtpMode.Bare && (iohgatp & 3) != 0);
}

/** Bare, Sv39, Sv48, Sv57 and their x4 forms. */
function modeSupported(mode: u32): bool {
  return mode == AtpMode.Bare || (mode >= <u32>AtpMode.Sv39 && mode <= <u32>AtpMode.Sv57);
}

/** "Process to locate the Process-context": fills the cache entry `pc`. */
function locateProcess(pc: u32, dc: u32, pdMode: u32): u32 {
  countEvent(HpmEvent.ProcessDirectoryWalks, 0, 1);
  let table = load<u64>(dc, Context.PdRoot);
  let level = pdMode - PdtpMode.PD8;
  while (level) {
    const index = level == 2 ? processId >> 17 : (processId >> 8) & 511;
    const fault = processEntry(dc, table + index * 8, 8);
    if (fault) return fault;
    const entry = load<u64>(entryAddress);
    if (!(entry & 1)) return IoFault.PdtEntryNotValid;
    if (entry & POINTER_RESERVED) return IoFault.PdtEntryMisconfigured;
    table = queueBase(entry);
    --level;
  }
  const fault = processEntry(dc, table + (processId & 255) * 16, 16);
  if (fault) return fault;
  const ta = load<u64>(entryAddress);
  const fsc = load<u64>(entryAddress, 8);
  if (!(ta & PcTa.V)) return IoFault.PdtEntryNotValid;
  if (ta & PC_TA_RESERVED || fsc & FSC_RESERVED || !modeSupported(<u32>(fsc >> 60)))
    return IoFault.PdtEntryMisconfigured;
  store<u64>(pc, ((<u64>processId) << 24) | device, Context.Key);
  store<u64>(pc, load<u64>(dc, Context.GRoot), Context.GRoot);
  store<u32>(pc, load<u32>(dc, Context.GMode), Context.GMode);
  store<u32>(pc, <u32>ta, Context.Control);
  store<u32>(pc, load<u32>(dc, Context.Owner), Context.Owner);
  const sum = ta & PcTa.SUM ? Walk.Sum : 0;
  memory.copy(pc + Context.MsiRoot, dc + Context.MsiRoot, CONTEXT_SIZE - Context.MsiRoot);
  firstStage(pc, load<u64>(dc, Context.Space), fsc, <u32>(ta >> 12) & 0xf_ffff, load<u32>(dc, Context.Flags) | sum);
  return 0;
}

/** Where the entry of the process directory lies in this memory. */
let entryAddress: u32 = 0;

/** Reads the directory entry at `at`, a guest physical address if the second stage is active; to `entryAddress`. */
function processEntry(dc: u32, at: u64, length: u32): u32 {
  const flags = load<u32>(dc, Context.Flags) & (Walk.GAdue | Walk.GPbmt);
  const result = walk(
    Agent.Hub,
    at,
    AtpMode.Bare,
    0,
    load<u32>(dc, Context.GMode),
    load<u64>(dc, Context.GRoot),
    Access.Read,
    flags,
  );
  readTables(walkReferences);
  countEvent(HpmEvent.SecondStageWalks, load<u64>(dc, Context.Space), walkSecondStages);
  if (result == WalkResult.GuestPageFault) {
    setFaultValue2((walkGpa & ~3) | 1);
    return guestPageFault(access);
  }
  entryAddress = result == WalkResult.Ok ? ramAddress(walkPa, length) : 0;
  if (!entryAddress) return IoFault.PdtEntryLoadAccessFault;
  readDirectory();
  return 0;
}

export function guestPageFault(kind: u32): u32 {
  if (kind == Access.Write) return IoFault.WriteGuestPageFault;
  return kind == Access.Read ? IoFault.ReadGuestPageFault : IoFault.InstructionGuestPageFault;
}

/** IODIR.INVAL_DDT: of all devices, or of `id` alone; with the process contexts that hang on it. */
export function invalidateDdt(valid: u32, id: u32): void {
  for (let i: u32 = 0; i < DC_CACHE_ENTRIES; ++i) {
    const entry = DC_CACHE + i * CONTEXT_SIZE;
    if (!valid || load<u64>(entry, Context.Key) == <u64>id) store<u64>(entry, EMPTY, Context.Key);
  }
  for (let i: u32 = 0; i < PC_CACHE_ENTRIES; ++i) {
    const entry = PC_CACHE + i * CONTEXT_SIZE;
    if (!valid || (<u32>load<u64>(entry, Context.Key) & 0xff_ffff) == id) store<u64>(entry, EMPTY, Context.Key);
  }
}

/** IODIR.INVAL_PDT. */
export function invalidatePdt(id: u32, pid: u32): void {
  const entry = PC_CACHE + ((id ^ pid) & (PC_CACHE_ENTRIES - 1)) * CONTEXT_SIZE;
  if (load<u64>(entry, Context.Key) == (((<u64>pid) << 24) | id)) store<u64>(entry, EMPTY, Context.Key);
}
