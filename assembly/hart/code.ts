// Decoded code: blocks of records, built once a place and found by physical page. A page that is written after it was decoded is
// stale, and its blocks are forgotten at the next FENCE.I (Zifencei: until then the hart may run either version).
import { ramAddress } from "../bus/ram";
import { STALE_END, codePage, dropAll, dropStale, stalePages } from "../bus/written";
import { Cost, MOST_TAKEN_CYCLES } from "../isa/cost";
import { expand } from "../insn/c";
import { classCycles, decode, endsBlock } from "../insn/decode";
import { fuse } from "../insn/fuse";
import { Op } from "../insn/op";
import { BLOCK_HEADER, RECORD, TALLY_SHIFT, unlinked } from "../insn/record";
import { Mode } from "../isa/privilege";
import { DECODED_END, HART_MODE, HART_VIRT, L1I_PRESENT, RAM, X_SINK } from "../layout";
import { codeEntry, dropFetches, dropStores, fetchEntry, fetchTable } from "../mmu/filter";
import { Agency, pmpRights } from "../mmu/pmp";
import { Pte } from "../mmu/pte";
import { accessFault, pageShift, physical, translate } from "../mmu/translate";
import { Access } from "../mmu/walk";
import { cost } from "../timing/caches";

/** A page's table: 16 bytes (u32 stale), then u32 a halfword of the page: 0 or the block that begins there. */
const TABLE_HEADER: u32 = 16;
const TABLE: u32 = TABLE_HEADER + 2048 * 4;
/** A block holds at most so many instructions: their count fits in 6 bits, their cycles in 10. */
const MAX_INSTRUCTIONS: u32 = 60;
const MAX_CYCLES: u32 = 900;
/** A target that is named by AUIPC must be closer than this to be written into a record. */
const NEAR: i32 = 1 << 28;
const MAX_BLOCK: u32 = BLOCK_HEADER + (2 * MAX_INSTRUCTIONS + 4) * RECORD;

/**
 * One-instruction block, for an instruction that crosses into the next page, that lies in a page of which PMP doesn't allow all to be
 * executed, or that runs alone: rebuilt each time, never linked.
 */
const SCRATCH: u32 = STALE_END;
export const SCRATCH_BLOCK: u32 = SCRATCH + BLOCK_HEADER;
const SCRATCH_CODE: u32 = SCRATCH + BLOCK_HEADER + 8 * RECORD;
/** Where execution is: u64 virtual address of its page, u32 where that page lies in this memory, u32 its table. */
const PLACE: u32 = SCRATCH + 256;
/** The table of a page that has none. */
const NO_TABLE: u32 = PLACE + 16;
const ARENA: u32 = NO_TABLE + TABLE;

let top: u32 = ARENA;
/** Rises whenever all blocks are forgotten, so that nobody links to one of before. */
export let generation: u32 = 0;

export function resetCode(): void {
  dropAll();
  startCode();
}

/** The same where no page has a table. */
export function startCode(): void {
  top = ARENA;
  generation++;
  store<u32>(PLACE, NO_TABLE, 12);
  dropFetches();
}

/** FENCE.I. */
export function forgetStale(): void {
  if (!stalePages) return;
  if (!dropStale()) return resetCode();
  generation++;
  dropFetches();
}

// @ts-ignore: decorator
@inline
export function pageAddress(): u64 {
  return load<u64>(PLACE);
}

/** The block at virtual address `pc`, if its page is known to the fetch filter and it has been built; else 0. */
// @ts-ignore: decorator
@inline
export function knownBlock(pc: u64): u32 {
  const entry = fetchEntry(fetchTable(), pc);
  const page = pc & ~(<u64>0xfff);
  if (load<u64>(entry) != page) return 0;
  store<u64>(PLACE, page);
  store<u32>(PLACE, load<u32>(entry, 12), 8);
  const table = load<u32>(entry, 8);
  store<u32>(PLACE, table, 12);
  return load<u32>(table + ((<u32>pc & 0xffe) << 1), TABLE_HEADER);
}
/** The same, shorter where `pc` is in the page of execution; only while execution goes on. */
// @ts-ignore: decorator
@inline
export function nearBlock(pc: u64): u32 {
  if ((pc & ~(<u64>0xfff)) != load<u64>(PLACE)) return knownBlock(pc);
  return load<u32>(load<u32>(PLACE, 12) + ((<u32>pc & 0xffe) << 1), TABLE_HEADER);
}

/** Whether PMP lets this hart execute the `length` bytes at `pa`. */
// @ts-ignore: decorator
@inline
function executable(pa: u64, length: u32): bool {
  const agency = load<u32>(HART_MODE) == Mode.M ? Agency.Machine : Agency.Supervisor;
  return (pmpRights(pa, length, agency) & Pte.X) != 0;
}

/** Address in this memory of the halfword of code at `pc`; 0 after a fault. */
function fetchAddress(pc: u64): u32 {
  if (!translate(pc, Access.Execute, load<u32>(HART_MODE), load<u32>(HART_VIRT))) return 0;
  const address = ramAddress(physical, 2);
  if (address && executable(physical, 2)) return address;
  accessFault(pc, Access.Execute);
  return 0;
}

/** The block at `pc`, translated and built as needed; 0 after a fault. */
export function fetchBlock(pc: u64): u32 {
  const address = fetchAddress(pc);
  if (!address) return 0;
  const offset = <u32>pc & 0xfff;
  const crosses = offset == 0xffe && (load<u16>(address) & 3) == 3;
  if (crosses || !executable(physical - offset, 4096)) return singleBlock(pc, address);
  if (top + TABLE + MAX_BLOCK > <u32>DECODED_END) resetCode();
  const page = codePage(address);
  let table = load<u32>(page);
  if (!table) {
    table = top;
    top += TABLE;
    memory.fill(table, 0, TABLE);
    store<u32>(page, table);
    dropStores(address);
  }
  const entry = codeEntry(pc, pageShift);
  store<u64>(entry, pc & ~(<u64>0xfff));
  store<u32>(entry, table, 8);
  store<u32>(entry, address - offset, 12);
  place(pc, address, table);
  const slot = table + (offset << 1);
  let block = load<u32>(slot, TABLE_HEADER);
  if (!block) {
    block = top + BLOCK_HEADER;
    top = build(block, address, offset, 4096 - offset);
    store<u32>(slot, block, TABLE_HEADER);
  }
  return block;
}

// @ts-ignore: decorator
@inline
function place(pc: u64, address: u32, table: u32): void {
  store<u64>(PLACE, pc & ~(<u64>0xfff));
  store<u32>(PLACE, address - (<u32>pc & 0xfff), 8);
  store<u32>(PLACE, table, 12);
}

/** A block of the one instruction at `pc`, for this time only; 0 after a fault. */
export function fetchOne(pc: u64): u32 {
  const address = fetchAddress(pc);
  return address ? singleBlock(pc, address) : 0;
}

/** The same once its first halfword is known to lie at `address` and `physical`. */
function singleBlock(pc: u64, address: u32): u32 {
  const offset = <u32>pc & 0xfff;
  const low = <u32>load<u16>(address);
  place(pc, address, NO_TABLE);
  if ((low & 3) != 3) {
    build(SCRATCH_BLOCK, address, offset, 2);
  } else if (offset != 0xffe) {
    if (!executable(physical + 2, 2)) {
      accessFault(pc + 2, Access.Execute);
      return 0;
    }
    build(SCRATCH_BLOCK, address, offset, 4);
  } else {
    const second = fetchAddress(pc + 2);
    if (!second) return 0;
    store<u32>(SCRATCH_CODE, low | ((<u32>load<u16>(second)) << 16));
    build(SCRATCH_BLOCK, SCRATCH_CODE, 0xffe, 4);
    store<u32>(SCRATCH, L1I_PRESENT + ((address - RAM) >> 6));
  }
  return SCRATCH_BLOCK;
}

/**
 * Decodes from `address`, `place` bytes into its page, at most `room` bytes, into records from `block` on; returns the end of
 * the last.
 */
function build(block: u32, address: u32, place: u32, room: u32): u32 {
  let line = (address - RAM) >> 6;
  store<u32>(block - BLOCK_HEADER, L1I_PRESENT + line);
  store<u16>(block - BLOCK_HEADER, place, 4);
  let dp = block;
  let offset: u32 = 0;
  let instructions: u32 = 0;
  let cycles: u32 = 0;
  const takenCycles = <u32>min(cost(Cost.BranchTaken), MOST_TAKEN_CYCLES);
  let last: i32 = Op.Next;
  // of an AUIPC just before: its record's rd, and the place that it names
  let named: u32 = 0;
  let namedPlace: i32 = 0;
  while (offset + 2 <= room && instructions < MAX_INSTRUCTIONS && cycles < MAX_CYCLES) {
    const half = <u32>load<u16>(address + offset);
    const length: u32 = (half & 3) == 3 ? 4 : 2;
    if (offset + length > room) break;
    if (isDefined(TIMED)) {
      // the line in which the instruction ends: its last halfword may be the first of a new line
      const next = (address + offset + length - 2 - RAM) >> 6;
      if (next != line && address != SCRATCH_CODE) {
        line = next;
        store<u16>(dp, Op.Line);
        store<u32>(dp, L1I_PRESENT + line, 8);
        dp += RECORD;
      }
    }
    const insn = length == 4 ? load<u32>(address + offset) : expand(half);
    decode(dp, insn);
    last = load<u16>(dp);
    const before = instructions | (cycles << 6);
    instructions++;
    cycles += classCycles(last);
    const tally = instructions | ((cycles + takenCycles) << TALLY_SHIFT);
    const here = place + offset;
    const rd = <u32>load<u16>(dp, 2);
    if (last == Op.Jalr && named == load<u16>(dp, 4) && named) {
      // AUIPC and JALR: a jump to a place that is known
      last = Op.Jal;
      store<u16>(dp, Op.Jal);
      store<i32>(dp, ((namedPlace + load<i32>(dp, 8)) & ~1) - <i32>here, 8);
    }
    named = last == Op.Auipc && rd != X_SINK && abs(load<i32>(dp, 8)) < NEAR ? rd : 0;
    namedPlace = <i32>here + load<i32>(dp, 8);
    if (last == Op.Jal) {
      const target = <i32>here + load<i32>(dp, 8);
      if (target > <i32>here && target - <i32>place + 2 <= <i32>room) {
        // a jump ahead in the page: the block goes on there; what is left of it is the link, which is what an AUIPC would give
        cycles += takenCycles;
        offset = <u32>target - place;
        last = Op.Next;
        if (rd == X_SINK) continue;
        store<u16>(dp, Op.Auipc);
        store<i32>(dp, length, 8);
        store<u16>(dp, here, 12);
        store<u16>(dp, before, 14);
        dp += RECORD;
        continue;
      }
      store<u16>(dp, rd, 4);
      store<u16>(dp, here + length, 6);
      store<i32>(dp, unlinked(target), 12);
      store<u32>(dp, tally, 8);
    } else if (last >= Op.Beq && last < Op.Jal) {
      store<i32>(dp, unlinked(<i32>here + load<i32>(dp, 8)), 12);
      store<u32>(dp, tally, 8);
    } else if (last == Op.Jalr) {
      store<i16>(dp, <i16>load<i32>(dp, 8), 6);
      store<u32>(dp, tally, 8);
      store<u16>(dp, here + length, 12);
    } else {
      store<u16>(dp, here, 12);
      store<u16>(dp, before, 14);
    }
    dp += RECORD;
    offset += length;
    if (endsBlock(last)) break;
  }
  if (last != Op.Jal && last != Op.Jalr) {
    store<u16>(dp, Op.Next);
    store<u32>(dp, instructions | (cycles << TALLY_SHIFT), 8);
    store<i32>(dp, unlinked(<i32>(place + offset)), 12);
    dp += RECORD;
  }
  fuse(block, dp);
  return dp;
}

/** Encoding of the instruction `offset` bytes into the page of execution. */
export function encodingAt(offset: u32): u32 {
  const address = load<u32>(PLACE, 8) + offset;
  const half = <u32>load<u16>(address);
  if ((half & 3) != 3) return half;
  return offset == 0xffe ? load<u32>(SCRATCH_CODE) : load<u32>(address);
}
