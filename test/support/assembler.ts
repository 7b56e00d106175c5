// An encoder of RV64IMAFDCB, Zicsr, Zifencei, H, Svinval, Zicond, Zicbo*, Zawrs and Zacas: RISC-V Unprivileged and Privileged
// Architecture, "RV32/64G Instruction Set Listings",
// "RVC Instruction Set Listings". A function an instruction, operands in the order of assembly language; results are u32 or u16.

// ---- registers by their ABI names
export const [zero, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5] = Array.from(
  { length: 16 },
  (_, i) => i,
);
export const [a6, a7, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6] = Array.from(
  { length: 16 },
  (_, i) => 16 + i,
);

const bits = (value: number, high: number, low: number) => (value >>> low) & (2 ** (high - low + 1) - 1);

// ---- formats
const rType = (opcode: number, funct3: number, funct7: number) => (rd: number, rs1: number, rs2: number) =>
  ((funct7 << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode) >>> 0;
const iType = (opcode: number, funct3: number) => (rd: number, rs1: number, imm: number) =>
  ((imm << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode) >>> 0;
const shift = (opcode: number, funct3: number, top: number) => (rd: number, rs1: number, shamt: number) =>
  iType(opcode, funct3)(rd, rs1, top | shamt);
const loadType = (funct3: number) => (rd: number, offset: number, rs1: number) => iType(0x03, funct3)(rd, rs1, offset);
const storeType = (funct3: number) => (rs2: number, offset: number, rs1: number) =>
  ((bits(offset, 11, 5) << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (bits(offset, 4, 0) << 7) | 0x23) >>> 0;
const branchType = (funct3: number) => (rs1: number, rs2: number, offset: number) =>
  ((bits(offset, 12, 12) << 31) |
    (bits(offset, 10, 5) << 25) |
    (rs2 << 20) |
    (rs1 << 15) |
    (funct3 << 12) |
    (bits(offset, 4, 1) << 8) |
    (bits(offset, 11, 11) << 7) |
    0x63) >>>
  0;
const uType = (opcode: number) => (rd: number, imm20: number) => ((imm20 << 12) | (rd << 7) | opcode) >>> 0;

// ---- RV64I
export const add = rType(0x33, 0, 0);
export const sub = rType(0x33, 0, 0x20);
export const sll = rType(0x33, 1, 0);
export const slt = rType(0x33, 2, 0);
export const sltu = rType(0x33, 3, 0);
export const xor = rType(0x33, 4, 0);
export const srl = rType(0x33, 5, 0);
export const sra = rType(0x33, 5, 0x20);
export const or = rType(0x33, 6, 0);
export const and = rType(0x33, 7, 0);
export const addw = rType(0x3b, 0, 0);
export const subw = rType(0x3b, 0, 0x20);
export const sllw = rType(0x3b, 1, 0);
export const srlw = rType(0x3b, 5, 0);
export const sraw = rType(0x3b, 5, 0x20);
export const addi = iType(0x13, 0);
export const slti = iType(0x13, 2);
export const sltiu = iType(0x13, 3);
export const xori = iType(0x13, 4);
export const ori = iType(0x13, 6);
export const andi = iType(0x13, 7);
export const addiw = iType(0x1b, 0);
export const slli = shift(0x13, 1, 0);
export const srli = shift(0x13, 5, 0);
export const srai = shift(0x13, 5, 0x400);
export const slliw = shift(0x1b, 1, 0);
export const srliw = shift(0x1b, 5, 0);
export const sraiw = shift(0x1b, 5, 0x400);
export const lb = loadType(0);
export const lh = loadType(1);
export const lw = loadType(2);
export const ld = loadType(3);
export const lbu = loadType(4);
export const lhu = loadType(5);
export const lwu = loadType(6);
export const sb = storeType(0);
export const sh = storeType(1);
export const sw = storeType(2);
export const sd = storeType(3);
export const beq = branchType(0);
export const bne = branchType(1);
export const blt = branchType(4);
export const bge = branchType(5);
export const bltu = branchType(6);
export const bgeu = branchType(7);
export const lui = uType(0x37);
export const auipc = uType(0x17);
export const jal = (rd: number, offset: number) =>
  ((bits(offset, 20, 20) << 31) |
    (bits(offset, 10, 1) << 21) |
    (bits(offset, 11, 11) << 20) |
    (bits(offset, 19, 12) << 12) |
    (rd << 7) |
    0x6f) >>>
  0;
export const jalr = (rd: number, offset: number, rs1: number) => iType(0x67, 0)(rd, rs1, offset);
export const nop = addi(zero, zero, 0);
export const fence = 0x0ff0_000f;
export const fenceI = 0x0000_100f;
export const ecall = 0x0000_0073;
export const ebreak = 0x0010_0073;

// ---- RV64M
export const mul = rType(0x33, 0, 1);
export const mulh = rType(0x33, 1, 1);
export const mulhsu = rType(0x33, 2, 1);
export const mulhu = rType(0x33, 3, 1);
export const div = rType(0x33, 4, 1);
export const divu = rType(0x33, 5, 1);
export const rem = rType(0x33, 6, 1);
export const remu = rType(0x33, 7, 1);
export const mulw = rType(0x3b, 0, 1);
export const divw = rType(0x3b, 4, 1);
export const divuw = rType(0x3b, 5, 1);
export const remw = rType(0x3b, 6, 1);
export const remuw = rType(0x3b, 7, 1);

// ---- Zba, Zbb, Zbc, Zbkb, Zbkx, Zbs, Zicond
const unary = (opcode: number, funct3: number, immediate: number) => (rd: number, rs1: number) =>
  iType(opcode, funct3)(rd, rs1, immediate);
export const [sh1add, sh2add, sh3add] = [rType(0x33, 2, 0x10), rType(0x33, 4, 0x10), rType(0x33, 6, 0x10)];
export const [sh1addUw, sh2addUw, sh3addUw] = [rType(0x3b, 2, 0x10), rType(0x3b, 4, 0x10), rType(0x3b, 6, 0x10)];
export const addUw = rType(0x3b, 0, 0x04);
export const slliUw = shift(0x1b, 1, 0x080);
export const [andn, orn, xnor] = [rType(0x33, 7, 0x20), rType(0x33, 6, 0x20), rType(0x33, 4, 0x20)];
export const [clz, ctz, cpop] = [unary(0x13, 1, 0x600), unary(0x13, 1, 0x601), unary(0x13, 1, 0x602)];
export const [clzw, ctzw, cpopw] = [unary(0x1b, 1, 0x600), unary(0x1b, 1, 0x601), unary(0x1b, 1, 0x602)];
export const [sextB, sextH, zextH] = [unary(0x13, 1, 0x604), unary(0x13, 1, 0x605), unary(0x3b, 4, 0x080)];
export const [min, minu, max, maxu] = [4, 5, 6, 7].map((funct3) => rType(0x33, funct3, 0x05));
export const [clmul, clmulr, clmulh] = [1, 2, 3].map((funct3) => rType(0x33, funct3, 0x05));
export const [rol, ror, rori] = [rType(0x33, 1, 0x30), rType(0x33, 5, 0x30), shift(0x13, 5, 0x600)];
export const [rolw, rorw, roriw] = [rType(0x3b, 1, 0x30), rType(0x3b, 5, 0x30), shift(0x1b, 5, 0x600)];
export const [orcB, rev8] = [unary(0x13, 5, 0x287), unary(0x13, 5, 0x6b8)];
export const [pack, packh, packw, brev8] = [
  rType(0x33, 4, 4),
  rType(0x33, 7, 4),
  rType(0x3b, 4, 4),
  unary(0x13, 5, 0x687),
];
export const [xperm4, xperm8] = [rType(0x33, 2, 0x14), rType(0x33, 4, 0x14)];
export const [bclr, bext, binv, bset] = [
  rType(0x33, 1, 0x24),
  rType(0x33, 5, 0x24),
  rType(0x33, 1, 0x34),
  rType(0x33, 1, 0x14),
];
export const [bclri, bexti, binvi, bseti] = [
  shift(0x13, 1, 0x480),
  shift(0x13, 5, 0x480),
  shift(0x13, 1, 0x680),
  shift(0x13, 1, 0x280),
];
export const [czeroEqz, czeroNez] = [rType(0x33, 5, 7), rType(0x33, 7, 7)];

// ---- Zicbom, Zicboz, Zicbop, Zawrs
const cbo = (operation: number) => (rs1: number) => iType(0x0f, 2)(0, rs1, operation);
export const [cboInval, cboClean, cboFlush, cboZero] = [cbo(0), cbo(1), cbo(2), cbo(4)];
export const prefetch = (kind: "i" | "r" | "w", offset: number, rs1: number) =>
  ori(0, rs1, offset | "ir.w".indexOf(kind));
export const [wrsNto, wrsSto] = [0x00d0_0073, 0x01d0_0073];

// ---- RV64A; rd, rs2, rs1 as in amoadd.w rd, rs2, (rs1)
const amo = (funct5: number, funct3: number) => (rd: number, rs2: number, rs1: number) =>
  rType(0x2f, funct3, funct5 << 2)(rd, rs1, rs2);
export const lrW = (rd: number, rs1: number) => amo(0x02, 2)(rd, 0, rs1);
export const lrD = (rd: number, rs1: number) => amo(0x02, 3)(rd, 0, rs1);
export const [scW, scD] = [amo(0x03, 2), amo(0x03, 3)];
export const [amoswapW, amoswapD] = [amo(0x01, 2), amo(0x01, 3)];
export const [amoaddW, amoaddD] = [amo(0x00, 2), amo(0x00, 3)];
export const [amoxorW, amoxorD] = [amo(0x04, 2), amo(0x04, 3)];
export const [amoandW, amoandD] = [amo(0x0c, 2), amo(0x0c, 3)];
export const [amoorW, amoorD] = [amo(0x08, 2), amo(0x08, 3)];
export const [amominW, amominD] = [amo(0x10, 2), amo(0x10, 3)];
export const [amomaxW, amomaxD] = [amo(0x14, 2), amo(0x14, 3)];
export const [amominuW, amominuD] = [amo(0x18, 2), amo(0x18, 3)];
export const [amomaxuW, amomaxuD] = [amo(0x1c, 2), amo(0x1c, 3)];
export const [amocasW, amocasD, amocasQ] = [amo(0x05, 2), amo(0x05, 3), amo(0x05, 4)];

// ---- Zicsr and privileged
export const csrrw = (rd: number, csr: number, rs1: number) => iType(0x73, 1)(rd, rs1, csr);
export const csrrs = (rd: number, csr: number, rs1: number) => iType(0x73, 2)(rd, rs1, csr);
export const csrrc = (rd: number, csr: number, rs1: number) => iType(0x73, 3)(rd, rs1, csr);
export const csrrwi = (rd: number, csr: number, uimm: number) => iType(0x73, 5)(rd, uimm, csr);
export const csrrsi = (rd: number, csr: number, uimm: number) => iType(0x73, 6)(rd, uimm, csr);
export const csrrci = (rd: number, csr: number, uimm: number) => iType(0x73, 7)(rd, uimm, csr);
export const csrr = (rd: number, csr: number) => csrrs(rd, csr, zero);
export const csrw = (csr: number, rs1: number) => csrrw(zero, csr, rs1);
export const sret = 0x1020_0073;
export const mret = 0x3020_0073;
export const wfi = 0x1050_0073;
export const sfenceVma = (rs1: number, rs2: number) => rType(0x73, 0, 0x09)(0, rs1, rs2);
export const sinvalVma = (rs1: number, rs2: number) => rType(0x73, 0, 0x0b)(0, rs1, rs2);
export const hinvalVvma = (rs1: number, rs2: number) => rType(0x73, 0, 0x13)(0, rs1, rs2);
export const hinvalGvma = (rs1: number, rs2: number) => rType(0x73, 0, 0x33)(0, rs1, rs2);
export const [sfenceWInval, sfenceInvalIr] = [0x1800_0073, 0x1810_0073];
export const hfenceVvma = (rs1: number, rs2: number) => rType(0x73, 0, 0x11)(0, rs1, rs2);
export const hfenceGvma = (rs1: number, rs2: number) => rType(0x73, 0, 0x31)(0, rs1, rs2);

// ---- hypervisor virtual-machine loads and stores
const hlv = (funct7: number, rs2: number) => (rd: number, rs1: number) => rType(0x73, 4, funct7)(rd, rs1, rs2);
const hsv = (funct7: number) => (rs2: number, rs1: number) => rType(0x73, 4, funct7)(0, rs1, rs2);
export const [hlvB, hlvBu] = [hlv(0x30, 0), hlv(0x30, 1)];
export const [hlvH, hlvHu, hlvxHu] = [hlv(0x32, 0), hlv(0x32, 1), hlv(0x32, 3)];
export const [hlvW, hlvWu, hlvxWu] = [hlv(0x34, 0), hlv(0x34, 1), hlv(0x34, 3)];
export const hlvD = hlv(0x36, 0);
export const [hsvB, hsvH, hsvW, hsvD] = [hsv(0x31), hsv(0x33), hsv(0x35), hsv(0x37)];

// ---- RV64F and RV64D: a function of the format (0 single, 1 double), then operands; `rm` is dynamic unless told otherwise
export const DYN = 7;
const memoryF = (format: number) => format + 2;
export const fload = (format: number) => (rd: number, offset: number, rs1: number) =>
  iType(0x07, memoryF(format))(rd, rs1, offset);
export const fstore = (format: number) => (rs2: number, offset: number, rs1: number) =>
  (storeType(memoryF(format))(rs2, offset, rs1) | 4) >>> 0;
export const [flw, fld, fsw, fsd] = [fload(0), fload(1), fstore(0), fstore(1)];
const fp = (funct5: number, format: number, rm: number) => rType(0x53, rm, (funct5 << 2) | format);
const binaryF =
  (funct5: number) =>
  (format: number) =>
  (rd: number, rs1: number, rs2: number, rm = DYN) =>
    fp(funct5, format, rm)(rd, rs1, rs2);
export const [fadd, fsub, fmul, fdiv] = [binaryF(0), binaryF(1), binaryF(2), binaryF(3)];
const chosenF = (funct5: number, rm: number) => (format: number) => fp(funct5, format, rm);
export const [fsgnj, fsgnjn, fsgnjx] = [chosenF(0x04, 0), chosenF(0x04, 1), chosenF(0x04, 2)];
export const [fmin, fmax] = [chosenF(0x05, 0), chosenF(0x05, 1)];
export const [fle, flt, feq] = [chosenF(0x14, 0), chosenF(0x14, 1), chosenF(0x14, 2)];
const unaryF =
  (funct5: number, rs2: number) =>
  (format: number) =>
  (rd: number, rs1: number, rm = DYN) =>
    fp(funct5, format, rm)(rd, rs1, rs2);
export const fsqrt = unaryF(0x0b, 0);
/** To an integer: W, WU, L, LU; from one. */
export const [fcvtW, fcvtWu, fcvtL, fcvtLu] = [0, 1, 2, 3].map((type) => unaryF(0x18, type));
export const [fcvtFromW, fcvtFromWu, fcvtFromL, fcvtFromLu] = [0, 1, 2, 3].map((type) => unaryF(0x1a, type));
export const [fcvtSD, fcvtDS] = [unaryF(0x08, 1)(0), unaryF(0x08, 0)(1)];
const movedF = (funct5: number, rm: number) => (format: number) => (rd: number, rs1: number) =>
  fp(funct5, format, rm)(rd, rs1, 0);
export const [fmvToX, fclass, fmvFromX] = [movedF(0x1c, 0), movedF(0x1c, 1), movedF(0x1e, 0)];
const fusedF =
  (opcode: number) =>
  (format: number) =>
  (rd: number, rs1: number, rs2: number, rs3: number, rm = DYN) =>
    rType(opcode, rm, (rs3 << 2) | format)(rd, rs1, rs2);
export const [fmadd, fmsub, fnmsub, fnmadd] = [fusedF(0x43), fusedF(0x47), fusedF(0x4b), fusedF(0x4f)];

// ---- RV64C: registers r8…r15 of the three-bit fields are given by number
const low3 = (register: number) => register - 8;
const imm6 = (value: number) => (bits(value, 5, 5) << 12) | (bits(value, 4, 0) << 2);
const ci = (funct3: number, quadrant: number) => (rd: number, value: number) =>
  (funct3 << 13) | imm6(value) | (rd << 7) | quadrant;
const cb = (funct2: number) => (rd: number, value: number) =>
  (4 << 13) | imm6(value) | (funct2 << 10) | (low3(rd) << 7) | 1;
const ca = (high: number, funct2: number) => (rd: number, rs2: number) =>
  (4 << 13) | (high << 12) | (3 << 10) | (low3(rd) << 7) | (funct2 << 5) | (low3(rs2) << 2) | 1;
const word = (offset: number) => (bits(offset, 5, 3) << 10) | (bits(offset, 2, 2) << 6) | (bits(offset, 6, 6) << 5);
const double = (offset: number) => (bits(offset, 5, 3) << 10) | (bits(offset, 7, 6) << 5);
const cl = (funct3: number, field: typeof word) => (rd: number, offset: number, rs1: number) =>
  (funct3 << 13) | field(offset) | (low3(rs1) << 7) | (low3(rd) << 2);
const cBranch = (funct3: number) => (rs1: number, offset: number) =>
  (funct3 << 13) |
  (bits(offset, 8, 8) << 12) |
  (bits(offset, 4, 3) << 10) |
  (low3(rs1) << 7) |
  (bits(offset, 7, 6) << 5) |
  (bits(offset, 2, 1) << 3) |
  (bits(offset, 5, 5) << 2) |
  1;
export const c = {
  addi4spn: (rd: number, value: number) =>
    (bits(value, 5, 4) << 11) |
    (bits(value, 9, 6) << 7) |
    (bits(value, 2, 2) << 6) |
    (bits(value, 3, 3) << 5) |
    (low3(rd) << 2),
  fld: cl(1, double),
  fsd: cl(5, double),
  lw: cl(2, word),
  ld: cl(3, double),
  sw: cl(6, word),
  sd: cl(7, double),
  addi: ci(0, 1),
  addiw: ci(1, 1),
  li: ci(2, 1),
  addi16sp: (value: number) =>
    (3 << 13) |
    (bits(value, 9, 9) << 12) |
    (2 << 7) |
    (bits(value, 4, 4) << 6) |
    (bits(value, 6, 6) << 5) |
    (bits(value, 8, 7) << 3) |
    (bits(value, 5, 5) << 2) |
    1,
  lui: ci(3, 1),
  srli: cb(0),
  srai: cb(1),
  andi: cb(2),
  sub: ca(0, 0),
  xor: ca(0, 1),
  or: ca(0, 2),
  and: ca(0, 3),
  subw: ca(1, 0),
  addw: ca(1, 1),
  j: (offset: number) =>
    (5 << 13) |
    (bits(offset, 11, 11) << 12) |
    (bits(offset, 4, 4) << 11) |
    (bits(offset, 9, 8) << 9) |
    (bits(offset, 10, 10) << 8) |
    (bits(offset, 6, 6) << 7) |
    (bits(offset, 7, 7) << 6) |
    (bits(offset, 3, 1) << 3) |
    (bits(offset, 5, 5) << 2) |
    1,
  beqz: cBranch(6),
  bnez: cBranch(7),
  slli: ci(0, 2),
  lwsp: (rd: number, offset: number) =>
    (2 << 13) | (bits(offset, 5, 5) << 12) | (rd << 7) | (bits(offset, 4, 2) << 4) | (bits(offset, 7, 6) << 2) | 2,
  ldsp: (rd: number, offset: number) =>
    (3 << 13) | (bits(offset, 5, 5) << 12) | (rd << 7) | (bits(offset, 4, 3) << 5) | (bits(offset, 8, 6) << 2) | 2,
  fldsp: (rd: number, offset: number) =>
    (1 << 13) | (bits(offset, 5, 5) << 12) | (rd << 7) | (bits(offset, 4, 3) << 5) | (bits(offset, 8, 6) << 2) | 2,
  fsdsp: (rs2: number, offset: number) =>
    (5 << 13) | (bits(offset, 5, 3) << 10) | (bits(offset, 8, 6) << 7) | (rs2 << 2) | 2,
  jr: (rs1: number) => (8 << 12) | (rs1 << 7) | 2,
  mv: (rd: number, rs2: number) => (8 << 12) | (rd << 7) | (rs2 << 2) | 2,
  ebreak: 0x9002,
  jalr: (rs1: number) => (9 << 12) | (rs1 << 7) | 2,
  add: (rd: number, rs2: number) => (9 << 12) | (rd << 7) | (rs2 << 2) | 2,
  swsp: (rs2: number, offset: number) =>
    (6 << 13) | (bits(offset, 5, 2) << 9) | (bits(offset, 7, 6) << 7) | (rs2 << 2) | 2,
  sdsp: (rs2: number, offset: number) =>
    (7 << 13) | (bits(offset, 5, 3) << 10) | (bits(offset, 8, 6) << 7) | (rs2 << 2) | 2,
};
export const cNop = c.addi(zero, 0);

/** Bytes of a program: an encoding whose low two bits are 11 takes four, any other two. */
export function bytes(program: readonly number[]): Uint8Array {
  return Uint8Array.from(
    program.flatMap((insn) =>
      (insn & 3) === 3 ? [insn & 255, (insn >>> 8) & 255, (insn >>> 16) & 255, insn >>> 24] : [insn & 255, insn >>> 8],
    ),
  );
}
