// RISC-V Unprivileged Architecture, "Control Transfer Instructions".
import { expect, test } from "vitest";
import { Cause } from "../../../assembly/isa/cause.js";
import { Exit } from "../../../assembly/isa/exit.js";
import * as asm from "../../support/assembler.js";
import { a0, a1, a2, addi, c, ebreak, jal, jalr, nop, ra, zero } from "../../support/assembler.js";
import { CONDITIONS } from "../../support/model.js";
import { BUILDS, bare, CODE, PAGE, Random, ran, u64 } from "../../support/hart.js";

const branch = asm as unknown as Record<string, (rs1: number, rs2: number, offset: number) => number>;

test.each(BUILDS)("conditional branches compare signed or unsigned (%s)", (build) => {
  const random = new Random(3);
  const corners = [0n, 1n, u64(-1), 0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, random.next(), random.next()];
  for (const [name, holds] of Object.entries(CONDITIONS)) {
    const hart = bare([branch[name](a1, a2, 8), ebreak, ebreak], { build });
    for (const a of corners) {
      const ends = corners.map((b) => {
        hart.registers({ [a1]: a, [a2]: b }).runAt(CODE);
        return hart.pc;
      });
      expect(ends).toEqual(corners.map((b) => CODE + (holds(a, b) ? 8 : 4)));
    }
  }
});

test.each(BUILDS)("branches reach ±4 KiB and jumps ±1 MiB, across pages (%s)", (build) => {
  const middle = CODE + 0x10_0000;
  const reach = (insn: number, offset: number) => {
    const hart = bare([insn], { build, at: middle }).program([c.ebreak], middle + offset);
    hart.run();
    return hart.pc - middle;
  };
  for (const offset of [-4096, 4094, -2, 4, 2046, -2048])
    expect(reach(asm.bge(zero, zero, offset), offset)).toBe(offset);
  for (const offset of [-0x10_0000, 0xf_fffe, -4, 8, 4094]) expect(reach(jal(zero, offset), offset)).toBe(offset);
});

test.each(BUILDS)(
  "JAL and JALR leave the next instruction's address; JALR clears bit 0 and may use rd as rs1 (%s)",
  (build) => {
    const hart = bare([jalr(a0, 5, a0), nop, ebreak, ebreak], { build, x: { [a0]: CODE + 4 } });
    hart.run();
    expect([hart.pc, hart.x(a0)]).toEqual([CODE + 8, BigInt(CODE + 4)]);

    const call = ran([jal(ra, 12), ebreak, nop, jalr(zero, 0, ra)], { build });
    expect([call.pc, call.x(ra)]).toEqual([CODE + 4, BigInt(CODE + 4)]);

    const far = ran([jalr(a0, -2048, a1), ebreak], { build, x: { [a1]: CODE + 4 + 2048 } });
    expect(far.pc).toBe(CODE + 4);
  },
);

test.each(BUILDS)("compressed jumps link the address two bytes on (%s)", (build) => {
  const hart = ran([c.jalr(a1), c.ebreak, c.ebreak], { build, x: { [a1]: CODE + 4 } });
  expect([hart.pc, hart.x(ra)]).toEqual([CODE + 4, BigInt(CODE + 2)]);
});

test.each(BUILDS)("a 4-byte instruction may cross into the next page (%s)", (build) => {
  const at = CODE + PAGE - 2;
  const hart = bare([addi(a0, a0, 7), jal(zero, -4)], { build, at, x: { [a0]: 1 } });
  hart.core.run(200);
  expect(hart.x(a0) > 20n).toBe(true);
  expect((hart.x(a0) - 1n) % 7n).toBe(0n);

  const branching = ran([branch.beq(zero, zero, 8), nop, ebreak], { build, at });
  expect(branching.pc).toBe(at + 8);
  const linking = ran([jal(ra, 8), nop, ebreak], { build, at });
  expect([linking.pc, linking.x(ra)]).toEqual([at + 8, BigInt(at + 4)]);
});

test.each(BUILDS)("fetching beyond RAM is an access fault at the address fetched (%s)", (build) => {
  const hart = bare([jalr(zero, 0, a0)], { build, x: { [a0]: 0x1000 } });
  expect(hart.run()).toBe(Exit.Exception);
  expect(hart.exit).toMatchObject({ cause: BigInt(Cause.InstructionAccessFault), tval: 0x1000n });
  expect(hart.pc).toBe(0x1000);

  const end = CODE + hart.core.ramSize - 2;
  const half = bare([], { build, at: end });
  half.core.store(end, asm.bytes([addi(a0, a0, 1)]).subarray(0, 2));
  expect(half.run()).toBe(Exit.Exception);
  expect(half.exit).toMatchObject({ cause: BigInt(Cause.InstructionAccessFault), tval: BigInt(end + 2) });
  expect(half.pc).toBe(end);
});
