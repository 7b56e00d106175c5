// IEEE 754-2008 binary32 and binary64 by exact rationals: RISC-V "F" and "D" version 2.2, slow and plain, for comparison. A number is its
// encoding; a result comes with the exceptions that arose.

export const enum Rounding {
  RNE = 0,
  RTZ = 1,
  RDN = 2,
  RUP = 3,
  RMM = 4,
}
export const [NX, UF, OF, DZ, NV] = [1, 2, 4, 8, 16];

export interface Result {
  value: bigint;
  flags: number;
}

/** A positive number as its integer part when multiplied by 2^k, and whether that is all of it. */
type Scaled = (k: number) => { floor: bigint; exact: boolean };

const shifted = (value: bigint, by: number) => (by >= 0 ? value << BigInt(by) : value >> BigInt(-by));
const bitLength = (value: bigint) => value.toString(2).length;

/** n × 2^e / d. */
const ratio =
  (n: bigint, d: bigint, e: number): Scaled =>
  (k) => {
    const by = e + k;
    const [top, bottom] = by >= 0 ? [n << BigInt(by), d] : [n, d << BigInt(-by)];
    return { floor: top / bottom, exact: top % bottom === 0n };
  };

function integerRoot(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt(Math.ceil(bitLength(n) / 2));
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}
/** The root of n × 2^e, e even. */
const root =
  (n: bigint, e: number): Scaled =>
  (k) => {
    const square = ratio(n, 1n, e)(2 * k);
    const floor = integerRoot(square.floor);
    return { floor, exact: square.exact && floor * floor === square.floor };
  };

/** Which of the two neighbours: `twice` is the integer part of double the number, `exact` whether that is all. */
function rounded(
  twice: bigint,
  exact: boolean,
  negative: boolean,
  mode: Rounding,
): { value: bigint; inexact: boolean } {
  const floor = twice >> 1n;
  const half = (twice & 1n) === 1n;
  const inexact = half || !exact;
  const up = [
    half && (!exact || (floor & 1n) === 1n),
    false,
    negative && inexact,
    !negative && inexact,
    half, //
  ][mode];
  return { value: up ? floor + 1n : floor, inexact };
}

type Unpacked = { kind: "nan"; signaling: boolean } | { kind: "infinite"; negative: boolean } | Finite;
/** ±n × 2^e. */
interface Finite {
  kind: "finite";
  negative: boolean;
  n: bigint;
  e: number;
}

/** One of the two formats. */
export class Format {
  readonly signBit: bigint;
  readonly infinity: bigint;
  readonly nan: bigint;
  private readonly hidden: bigint;
  /** Exponent of the least normal number. */
  private readonly least: number;

  constructor(
    readonly bits: number,
    /** Of the significand, with the hidden one. */
    readonly precision: number,
  ) {
    this.signBit = 1n << BigInt(bits - 1);
    this.hidden = 1n << BigInt(precision - 1);
    this.infinity = this.signBit - this.hidden;
    this.nan = this.infinity | (this.hidden >> 1n);
    this.least = 2 - (1 << (bits - precision - 1));
  }

  unpack(a: bigint): Unpacked {
    const negative = (a & this.signBit) !== 0n;
    const magnitude = a & (this.signBit - 1n);
    if (magnitude > this.infinity) return { kind: "nan", signaling: (a & (this.hidden >> 1n)) === 0n };
    if (magnitude === this.infinity) return { kind: "infinite", negative };
    const field = magnitude / this.hidden;
    const fraction = magnitude % this.hidden;
    const e = this.least - this.precision + Number(field || 1n);
    return { kind: "finite", negative, n: field ? fraction + this.hidden : fraction, e };
  }
  private signed(negative: boolean, magnitude: bigint): bigint {
    return negative ? magnitude | this.signBit : magnitude;
  }
  zero = (negative: boolean): Result => ({ value: this.signed(negative, 0n), flags: 0 });
  infinite = (negative: boolean, flags = 0): Result => ({ value: this.signed(negative, this.infinity), flags });
  invalid = (flags = NV): Result => ({ value: this.nan, flags });

  /** Encodes a positive number, or its opposite. "Subnormal Arithmetic": tininess is detected after rounding. */
  round(negative: boolean, number: Scaled, mode: Rounding): Result {
    // e: 2^e ≤ number < 2^(e + 1)
    let e = bitLength(number(1200).floor) - 1 - 1200;
    if (e < -1150) e = bitLength(number(4000).floor) - 1 - 4000;
    const at = (place: number) => {
      const twice = number(1 - place);
      return rounded(twice.floor, twice.exact, negative, mode);
    };
    const unbounded = at(e - this.precision + 1).value;
    const tiny = bitLength(unbounded) - this.precision + e < this.least;
    const place = Math.max(e, this.least) - this.precision + 1;
    const { value, inexact } = at(place);
    const magnitude = BigInt(place - this.least + this.precision - 1) * this.hidden + value;
    if (magnitude >= this.infinity) {
      const most = this.infinity - 1n;
      const stays = mode === Rounding.RTZ || mode === (negative ? Rounding.RUP : Rounding.RDN);
      return { value: this.signed(negative, stays ? most : this.infinity), flags: OF | NX };
    }
    return { value: this.signed(negative, magnitude), flags: (inexact ? NX : 0) | (inexact && tiny ? UF : 0) };
  }
  /** Encodes n × 2^e; a zero that came of cancelling is negative only when rounding down. */
  exact(n: bigint, e: number, mode: Rounding, zero = mode === Rounding.RDN): Result {
    if (n === 0n) return this.zero(zero);
    return this.round(n < 0n, ratio(n < 0n ? -n : n, 1n, e), mode);
  }

  private ofNaN(...operands: Unpacked[]): Result | undefined {
    if (!operands.some((x) => x.kind === "nan")) return undefined;
    return this.invalid(operands.some((x) => x.kind === "nan" && x.signaling) ? NV : 0);
  }

  add(a: bigint, b: bigint, mode: Rounding): Result {
    return this.fused(a, this.one, b, mode);
  }
  sub(a: bigint, b: bigint, mode: Rounding): Result {
    return this.add(a, this.unpack(b).kind === "nan" ? b : b ^ this.signBit, mode);
  }
  private get one(): bigint {
    return (this.infinity >> 1n) & ~(this.hidden - 1n);
  }
  mul(a: bigint, b: bigint, mode: Rounding): Result {
    const [x, y] = [this.unpack(a), this.unpack(b)];
    const nan = this.ofNaN(x, y);
    if (nan) return nan;
    const negative = ((a ^ b) & this.signBit) !== 0n;
    if (x.kind !== "finite" || y.kind !== "finite") {
      return [x, y].some((z) => z.kind === "finite" && z.n === 0n) ? this.invalid() : this.infinite(negative);
    }
    const n = x.n * y.n;
    return this.exact(negative ? -n : n, x.e + y.e, mode, negative);
  }
  div(a: bigint, b: bigint, mode: Rounding): Result {
    const [x, y] = [this.unpack(a), this.unpack(b)];
    const nan = this.ofNaN(x, y);
    if (nan) return nan;
    const negative = ((a ^ b) & this.signBit) !== 0n;
    if (x.kind !== "finite") return y.kind === "finite" ? this.infinite(negative) : this.invalid();
    if (y.kind !== "finite") return this.zero(negative);
    if ((y as Finite).n === 0n) return (x as Finite).n === 0n ? this.invalid() : this.infinite(negative, DZ);
    const [u, v] = [x as Finite, y as Finite];
    return u.n === 0n ? this.zero(negative) : this.round(negative, ratio(u.n, v.n, u.e - v.e), mode);
  }
  sqrt(a: bigint, mode: Rounding): Result {
    const x = this.unpack(a);
    if (x.kind === "nan") return this.ofNaN(x)!;
    if (x.kind === "finite" && x.n === 0n) return { value: a, flags: 0 };
    if (x.negative) return this.invalid();
    if (x.kind === "infinite") return { value: a, flags: 0 };
    return this.round(false, x.e % 2 === 0 ? root(x.n, x.e) : root(2n * x.n, x.e - 1), mode);
  }
  /** a × b + c. */
  fused(a: bigint, b: bigint, c: bigint, mode: Rounding): Result {
    const [x, y, z] = [this.unpack(a), this.unpack(b), this.unpack(c)];
    const product = this.ofNaN(x, y) ? undefined : this.mul(a, b, Rounding.RTZ);
    if (product && product.flags & NV) return this.invalid();
    const nan = this.ofNaN(x, y, z);
    if (nan) return nan;
    const negative = ((a ^ b) & this.signBit) !== 0n;
    if (x.kind !== "finite" || y.kind !== "finite") {
      return z.kind === "infinite" && z.negative !== negative ? this.invalid() : this.infinite(negative);
    }
    if (z.kind !== "finite") return { value: c, flags: 0 };
    const e = Math.min((x as Finite).e + (y as Finite).e, (z as Finite).e);
    const p = shifted((x as Finite).n * (y as Finite).n, (x as Finite).e + (y as Finite).e - e);
    const q = shifted((z as Finite).n, (z as Finite).e - e);
    const sum = (negative ? -p : p) + ((z as Finite).negative ? -q : q);
    const same = negative === (z as Finite).negative;
    return this.exact(sum, e, mode, same ? negative : undefined);
  }

  /** FCVT to an integer of `width` bits, sign-extended from there. */
  toInteger(a: bigint, width: number, signed: boolean, mode: Rounding): Result {
    const x = this.unpack(a);
    const most = (1n << BigInt(signed ? width - 1 : width)) - 1n;
    const least = signed ? -most - 1n : 0n;
    const out = (value: bigint, flags: number) => ({ value: BigInt.asUintN(64, BigInt.asIntN(width, value)), flags });
    if (x.kind === "nan") return out(most, NV);
    if (x.kind === "infinite") return out(x.negative ? least : most, NV);
    const twice = ratio((x as Finite).n, 1n, (x as Finite).e)(1);
    const { value, inexact } = rounded(twice.floor, twice.exact, (x as Finite).negative, mode);
    const integer = (x as Finite).negative ? -value : value;
    if (integer > most || integer < least) return out(integer > most ? most : least, NV);
    return out(integer, inexact ? NX : 0);
  }
  fromInteger(value: bigint, mode: Rounding): Result {
    return this.exact(value, 0, mode, false);
  }
  /** From a number of another format. */
  from(other: Format, a: bigint, mode: Rounding): Result {
    const x = other.unpack(a);
    if (x.kind === "nan") return this.invalid(x.signaling ? NV : 0);
    if (x.kind === "infinite") return this.infinite(x.negative);
    const { n, e, negative } = x as Finite;
    return this.exact(negative ? -n : n, e, mode, negative);
  }

  /** −1, 0 or 1; undefined when unordered. */
  compare(a: bigint, b: bigint): number | undefined {
    const [x, y] = [this.unpack(a), this.unpack(b)];
    if (x.kind === "nan" || y.kind === "nan") return undefined;
    const size = (z: Unpacked) => {
      const { negative } = z as Finite;
      const magnitude = z.kind === "infinite" ? 1n << 5000n : shifted((z as Finite).n, (z as Finite).e + 1200);
      return negative ? -magnitude : magnitude;
    };
    return size(x) < size(y) ? -1 : size(x) > size(y) ? 1 : 0;
  }
  /** The numbers of IEEE 754-2019: minimumNumber (`wanted` −1) and maximumNumber (1). */
  extreme(a: bigint, b: bigint, wanted: number): Result {
    const [x, y] = [this.unpack(a), this.unpack(b)];
    const flags = this.ofNaN(x, y)?.flags ?? 0;
    if (x.kind === "nan") return { value: y.kind === "nan" ? this.nan : b, flags };
    if (y.kind === "nan") return { value: a, flags };
    const order = this.compare(a, b) || (x.negative ? -1 : 0) - (y.negative ? -1 : 0);
    return { value: order === wanted ? a : b, flags };
  }
  isSignaling(a: bigint): boolean {
    const x = this.unpack(a);
    return x.kind === "nan" && x.signaling;
  }
}

export const SINGLE = new Format(32, 24);
export const DOUBLE = new Format(64, 53);
export const FORMATS = [SINGLE, DOUBLE] as const;
