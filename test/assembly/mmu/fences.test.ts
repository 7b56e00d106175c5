// RISC-V Privileged Architecture 1.13, "Supervisor Memory-Management Fence Instruction", "Hypervisor Memory-Management Fence
// Instructions": before the fence this hart uses the translation that it has cached, after it the one in memory.
import { expect, test } from "vitest";
import { Counter } from "../../../assembly/isa/counter.js";
import { Csr } from "../../../assembly/isa/csr.js";
import { RAM, RAM_START } from "../../../assembly/layout.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import {
  a0,
  a1,
  a2,
  a3,
  ebreak,
  hfenceGvma,
  hfenceVvma,
  hlvD,
  jalr,
  ld,
  nop,
  sd,
  sfenceVma,
  zero,
} from "../../support/assembler.js";
import { BUILDS, bare, behind, CODE, DATA, type Hart, MEGAPAGE, PAGE, PageTable } from "../../support/hart.js";

const OLD = DATA;
const NEW = DATA + PAGE;
const SPVP = 1n << 8n;
/** Slots of the program, and what they do with address a1, fence operands a2 and a3. */
const LOAD = CODE;
const STORE = CODE + 8;
const GUEST_LOAD = CODE + 16;
const FENCES = [
  sfenceVma(zero, zero),
  sfenceVma(a2, zero),
  sfenceVma(zero, a3),
  sfenceVma(a2, a3),
  hfenceVvma(zero, zero),
  hfenceVvma(a2, zero),
  hfenceVvma(zero, a3),
  hfenceVvma(a2, a3),
  hfenceGvma(zero, zero),
  hfenceGvma(a2, zero),
  hfenceGvma(zero, a3),
  hfenceGvma(a2, a3),
];
const [ALL, PAGE_ALL, ASID_ALL, BOTH] = [0, 1, 2, 3];
const [VVMA, GVMA] = [4, 8];

function prepared(build: CoreBuild, mode: "S" | "VS"): Hart {
  const hart = bare(
    [ld(a0, 0, a1), ebreak, sd(a1, 0, a1), ebreak, hlvD(a0, a1), ebreak, ...FENCES.flatMap((f) => [f, ebreak])],
    {
      build,
      mode,
    },
  );
  hart.write64(OLD, 111);
  hart.write64(NEW, 222);
  return hart;
}
/** What is read at `va`: "old", "new", or the cause of a fault. */
function seen(hart: Hart, va: number | bigint, slot = LOAD): string {
  hart.registers({ [a1]: va }).runAt(slot);
  const value = hart.exit.cause === 3n ? hart.x(a0) : hart.exit.cause;
  return { 111: "old", 222: "new" }[String(value)] ?? String(value);
}
function fence(hart: Hart, kind: number, address: number | bigint = 0, id = 0): void {
  hart.registers({ [a2]: address, [a3]: id }).runAt(CODE + 24 + 8 * kind);
  expect(hart.exit.cause).toBe(3n);
}

interface Own {
  hart: Hart;
  table: PageTable;
}
/** S-mode under Sv39 with ASID 5; 0x5000 and 0x6000 (global) are cached as OLD and then changed to NEW. */
function changed(build: CoreBuild): Own {
  const hart = prepared(build, "S");
  const table = new PageTable(hart).same("xad", CODE).map(0x5000, OLD, "rwad").map(0x6000, OLD, "rwgad");
  hart.csrs({ [Csr.satp]: table.atp(5) });
  expect([seen(hart, 0x5000), seen(hart, 0x6000)]).toEqual(["old", "old"]);
  table.map(0x5000, NEW, "rwad").map(0x6000, NEW, "rwgad");
  expect([seen(hart, 0x5000), seen(hart, 0x6000)]).toEqual(["old", "old"]);
  return { hart, table };
}
const both = ({ hart }: Own) => [seen(hart, 0x5000), seen(hart, 0x6000)].join(" ");

test.each(BUILDS)("SFENCE.VMA by address, by ASID, by both, and of everything (%s)", (build) => {
  const after = (kind: number, address = 0, asid = 0) => {
    const own = changed(build);
    fence(own.hart, kind, address, asid);
    return both(own);
  };
  expect(after(ALL)).toBe("new new");
  expect(after(PAGE_ALL, 0x5000)).toBe("new old");
  expect(after(PAGE_ALL, 0x5abc)).toBe("new old");
  expect(after(PAGE_ALL, 0x6000)).toBe("old new");
  expect(after(PAGE_ALL, 0x7000)).toBe("old old");
  expect(after(ASID_ALL, 0, 5)).toBe("new old"); // global mappings are spared
  expect(after(ASID_ALL, 0, 6)).toBe("old old");
  expect(after(BOTH, 0x5000, 5)).toBe("new old");
  expect(after(BOTH, 0x5000, 6)).toBe("old old");
  expect(after(BOTH, 0x6000, 5)).toBe("old old");
});

test.each(BUILDS)("SFENCE.VMA with any address of a superpage means the whole of it (%s)", (build) => {
  const { hart, table } = changed(build);
  const base = Math.floor(DATA / MEGAPAGE) * MEGAPAGE;
  const va = 8 * MEGAPAGE;
  const pages = [OLD, NEW].map((page) => va + page - base);
  table.map(va, base, "rad", 21);
  expect(pages.map((page) => seen(hart, page))).toEqual(["old", "new"]);
  table.map(va, base + MEGAPAGE, "rad", 21);
  expect(pages.map((page) => seen(hart, page))).toEqual(["old", "new"]);
  fence(hart, PAGE_ALL, va + 0x1f_f000);
  expect(pages.map((page) => seen(hart, page))).toEqual(["0", "0"]);
});

test.each(BUILDS)("a fence by address takes effect on loads, stores and fetches of that page (%s)", (build) => {
  const hart = prepared(build, "S").program([jalr(zero, 0, a1)], CODE + 0x800);
  hart.program([ebreak], OLD + 8).program([nop, ebreak], NEW + 8);
  const table = new PageTable(hart).same("xad", CODE).map(0x5000, OLD, "rwxad").map(0x6000, OLD, "rwxad");
  hart.csrs({ [Csr.satp]: table.atp() });
  const fetched = (va: number) => {
    hart.registers({ [a1]: va + 8 }).runAt(CODE + 0x800);
    return hart.pc - va - 8;
  };
  const stored = (va: number) => {
    hart.write64(OLD, 111);
    hart.write64(NEW, 222);
    seen(hart, va, STORE);
    return [hart.read64(OLD), hart.read64(NEW)].indexOf(BigInt(va));
  };
  expect([stored(0x5000), fetched(0x5000), stored(0x6000), fetched(0x6000)]).toEqual([0, 0, 0, 0]);
  table.map(0x5000, NEW, "rwxad").map(0x6000, NEW, "rwxad");
  fence(hart, PAGE_ALL, 0x5fff);
  expect([stored(0x5000), fetched(0x5000), stored(0x6000), fetched(0x6000)]).toEqual([1, 4, 0, 0]);
});

test.each(BUILDS)(
  "superpages in either half of the addresses are fenced by any address, before and after those used (%s)",
  (build) => {
    const { hart, table } = changed(build);
    const base = Math.floor(DATA / MEGAPAGE) * MEGAPAGE;
    const inside = BigInt(OLD - base);
    for (const start of [8n * BigInt(MEGAPAGE), (1n << 64n) - 8n * BigInt(MEGAPAGE)]) {
      for (const at of [0n, inside - 0x1000n, inside + 0x1000n, 0x1f_f000n]) {
        table.map(start, base, "rad", 21);
        fence(hart, ALL);
        expect(seen(hart, start + inside)).toBe("old");
        table.map(start, base + MEGAPAGE, "rad", 21);
        expect(seen(hart, start + inside)).toBe("old");
        fence(hart, PAGE_ALL, start + at);
        expect(seen(hart, start + inside)).toBe("0");
      }
    }
  },
);

test.each(BUILDS)("a fence by address costs the other pages no walk (%s)", (build) => {
  const { hart } = changed(build);
  fence(hart, PAGE_ALL, 0x5000);
  const misses = () => hart.counter(Counter.TlbMisses);
  const before = misses();
  expect([seen(hart, 0x6000), misses() - before]).toEqual(["old", 0]);
  expect([seen(hart, 0x5000), misses() - before]).toEqual(["new", 1]);
});

test.each(BUILDS)("an invalid entry is not cached: a new mapping needs no fence here (%s)", (build) => {
  const { hart, table } = changed(build);
  expect(seen(hart, 0x9000)).toBe("13");
  table.map(0x9000, NEW, "rad");
  expect(seen(hart, 0x9000)).toBe("new");
});

test.each(BUILDS)("a store after a cached load of a page that became writable works without a fence (%s)", (build) => {
  const { hart, table } = changed(build);
  table.map(0x9000, NEW, "rad");
  seen(hart, 0x9000);
  hart.registers({ [a1]: 0x9000 }).runAt(STORE);
  expect(hart.exit.cause).toBe(15n);
  table.map(0x9000, NEW, "rwad");
  hart.runAt(STORE);
  expect([hart.exit.cause, hart.read64(NEW)]).toEqual([3n, 0x9000n]);
});

test.each(BUILDS)(
  "ASIDs keep spaces apart without a fence; global pages are shared; MODE = Bare is its own space (%s)",
  (build) => {
    const hart = prepared(build, "S");
    const one = new PageTable(hart).same("xad", CODE).map(0x5000, OLD, "rad").map(0x6000, OLD, "rgad");
    const two = new PageTable(hart).same("xad", CODE).map(0x5000, NEW, "rad").map(0x6000, NEW, "rgad");
    const under = (satp: bigint) => {
      hart.csrs({ [Csr.satp]: satp });
      return [seen(hart, 0x5000), seen(hart, 0x6000)].join(" ");
    };
    expect(under(one.atp(1))).toBe("old old");
    expect(under(two.atp(2))).toBe("new old");
    expect(under(one.atp(1))).toBe("old old");
    expect(under(two.atp(1))).toBe("old old"); // the same ASID needs a fence
    hart.csrs({ [Csr.satp]: 0 });
    expect(seen(hart, OLD)).toBe("old");
    expect(under(two.atp(2))).toBe("new old");
  },
);

/** VS-mode; 0x5000 → 0x4000_0000 → OLD with ASID 5 and VMID 9. */
function guest(build: CoreBuild) {
  const hart = prepared(build, "VS");
  const first = new PageTable(hart)
    .same("xad", CODE)
    .map(0x5000, 0x4000_0000, "rwad")
    .map(0x6000, 0x4000_0000, "rwgad");
  const second = new PageTable(hart, "Sv39", "second")
    .same("xuad", CODE)
    .map(0x4000_0000, OLD, "rwuad")
    .map(0x4000_1000, NEW, "rwuad");
  behind(second, first);
  hart.csrs({ [Csr.vsatp]: first.atp(5), [Csr.hgatp]: second.atp(9), [Csr.hstatus]: SPVP });
  const view = () => [seen(hart, 0x5000), seen(hart, 0x6000)].join(" ");
  const cached = () => {
    hart.mode = "VS";
    expect(view()).toBe("old old");
    first.map(0x5000, 0x4000_1000, "rwad").map(0x6000, 0x4000_1000, "rwgad");
    expect(view()).toBe("old old");
  };
  return { hart, first, second, view, cached };
}
/** Runs a fence in `mode`, and sees what the guest sees then. */
function afterIn(mode: "S" | "VS", build: CoreBuild, kind: number, address = 0, id = 0, hgatp?: bigint): string {
  const { hart, second, view, cached } = guest(build);
  cached();
  hart.mode = mode;
  hart.csrs({ [Csr.hgatp]: hgatp ?? second.atp(9) });
  fence(hart, kind, address, id);
  hart.csrs({ [Csr.hgatp]: second.atp(9) }).mode = "VS";
  return view();
}

test.each(BUILDS)(
  "SFENCE.VMA in VS-mode and HFENCE.VVMA act on the guest of hgatp.VMID; SFENCE.VMA in HS-mode does not (%s)",
  (build) => {
    expect(afterIn("S", build, ALL)).toBe("old old");
    expect(afterIn("VS", build, ALL)).toBe("new new");
    expect(afterIn("VS", build, PAGE_ALL, 0x5000)).toBe("new old");
    expect(afterIn("VS", build, ASID_ALL, 0, 5)).toBe("new old");
    expect(afterIn("VS", build, ASID_ALL, 0, 6)).toBe("old old");
    expect(afterIn("S", build, VVMA + ALL)).toBe("new new");
    expect(afterIn("S", build, VVMA + PAGE_ALL, 0x6000)).toBe("old new");
    expect(afterIn("S", build, VVMA + ASID_ALL, 0, 5)).toBe("new old");
    expect(afterIn("S", build, VVMA + BOTH, 0x5000, 6)).toBe("old old");
    expect(afterIn("S", build, VVMA + ALL, 0, 0, 8n << 60n)).toBe("old old"); // another VMID
  },
);

test.each(BUILDS)("HFENCE.GVMA makes changes of the second stage seen, of one VMID or all (%s)", (build) => {
  const after = (kind: number, address = 0, vmid = 0) => {
    const { hart, second, view } = guest(build);
    expect(view()).toBe("old old");
    second.map(0x4000_0000, NEW, "rwuad");
    expect(view()).toBe("old old");
    hart.mode = "S";
    fence(hart, GVMA + kind, address, vmid);
    hart.mode = "VS";
    return view();
  };
  expect(after(ALL)).toBe("new new");
  expect(after(PAGE_ALL, 0x4000_0000 / 4)).toBe("new new"); // rs1 holds the address shifted right by 2
  expect(after(ASID_ALL, 0, 9)).toBe("new new");
  expect(after(ASID_ALL, 0, 8)).toBe("old old");
  expect(after(BOTH, 0x4000_0000 / 4, 9)).toBe("new new");
});

test.each(BUILDS)("HFENCE.GVMA by address spares other guest pages, and means all of a superpage (%s)", (build) => {
  const { hart, first, second } = guest(build);
  const base = Math.floor(DATA / MEGAPAGE) * MEGAPAGE;
  const inside = 0x8000_0000 + 0x4000_0000 + OLD - base;
  first.map(0x6000, 0x4000_2000, "rwad").map(0x5800_0000, inside, "rad");
  second.map(0x4000_2000, OLD, "rwuad").map(0xc000_0000, base, "ruad", 21);
  behind(second, first);
  const pages = () => [0x5000, 0x6000, 0x5800_0000].map((va) => seen(hart, va)).join(" ");
  const after = (gpa: number) => {
    second.map(0x4000_0000, OLD, "rwuad").map(0x4000_2000, OLD, "rwuad").map(0xc000_0000, base, "ruad", 21);
    hart.core.exports.flushTranslations();
    expect(pages()).toBe("old old old");
    second
      .map(0x4000_0000, NEW, "rwuad")
      .map(0x4000_2000, NEW, "rwuad")
      .map(0xc000_0000, base + MEGAPAGE, "ruad", 21);
    hart.mode = "S";
    fence(hart, GVMA + BOTH, gpa / 4, 9);
    hart.mode = "VS";
    return pages();
  };
  expect(after(0x4000_0000)).toBe("new old old");
  expect(after(0x4000_2ffc)).toBe("old new old");
  expect(after(0xc01f_f000)).toBe("old old 0");
  expect(after(0xc020_0000)).toBe("old old old");
});

test.each(BUILDS)("what a guest sees outlives the fences of HS-mode, and the other way (%s)", (build) => {
  const { hart, first } = guest(build);
  const own = new PageTable(hart).same("xad", CODE).map(0x5000, OLD, "rad");
  hart.csrs({ [Csr.satp]: own.atp(5) });
  const views = () =>
    (["VS", "S"] as const).map((mode) => {
      hart.mode = mode;
      return seen(hart, 0x5000);
    });
  expect(views()).toEqual(["old", "old"]);
  first.map(0x5000, 0x4000_1000, "rwad");
  own.map(0x5000, NEW, "rad");
  hart.mode = "VS";
  fence(hart, BOTH, 0x5000, 5);
  expect(views()).toEqual(["new", "old"]);
  first.map(0x5000, 0x4000_0000, "rwad");
  hart.mode = "S";
  fence(hart, BOTH, 0x5000, 5);
  expect(views()).toEqual(["new", "new"]);
});

test.each(BUILDS)(
  "a look from outside changes nothing: no entry, no counter, no A bit, and it sees the tables (%s)",
  (build) => {
    const { hart, table } = changed(build);
    hart.csrs({ [Csr.menvcfg]: 1n << 61n });
    table.map(0x9000, NEW, "r");
    const counters = () => [Counter.TlbMisses, Counter.WalkReferences].map((n) => hart.counter(n));
    const before = [counters(), hart.core.cycles, hart.read64(table.entry(0x9000))];
    const probe = (va: number) => hart.core.exports.probe(va, 0, 1, 0);
    expect([probe(0x5000), probe(0x9000), probe(0xa000)]).toEqual(
      [NEW, NEW, 0].map((pa) => pa && pa - RAM_START + RAM),
    );
    expect([counters(), hart.core.cycles, hart.read64(table.entry(0x9000))]).toEqual(before);
    expect(seen(hart, 0x5000)).toBe("old");
  },
);

test.each(BUILDS)("VMIDs keep guests apart without a fence, and V = 1 apart from V = 0 (%s)", (build) => {
  const { hart, second } = guest(build);
  const other = new PageTable(hart, "Sv39", "second").same("xuad", CODE).map(0x4000_0000, NEW, "rwuad");
  hart.csrs({ [Csr.vsatp]: 0 });
  const under = (hgatp: bigint) => {
    hart.csrs({ [Csr.hgatp]: hgatp });
    return seen(hart, 0x4000_0000);
  };
  expect([under(second.atp(9)), under(other.atp(10)), under(second.atp(9))]).toEqual(["old", "new", "old"]);
  hart.csrs({ [Csr.satp]: new PageTable(hart).same("xad", CODE).map(0x4000_0000, NEW, "rad").atp(5) }).mode = "S";
  expect([seen(hart, 0x4000_0000), seen(hart, 0x4000_0000, GUEST_LOAD)]).toEqual(["new", "old"]);
});

test.each(BUILDS)("more address spaces than the hart has filters for stay apart (%s)", (build) => {
  const hart = prepared(build, "S");
  const tables = Array.from({ length: 40 }, (_, i) => {
    const page = hart.allocate();
    hart.write64(page, 1000 + i);
    return new PageTable(hart).same("xad", CODE).map(0x5000, page, "rad");
  });
  const values = [...tables.keys(), ...tables.keys()].map((i) => {
    hart.csrs({ [Csr.satp]: tables[i].atp(i) });
    return seen(hart, 0x5000);
  });
  expect(values).toEqual([...tables.keys(), ...tables.keys()].map((i) => String(1000 + i)));
});
