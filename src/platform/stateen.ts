// Smstateen and Ssstateen 1.0, "Usage": machine level gives supervisor level whatever there is.
import { Csr } from "../../assembly/isa/csr.js";
import type { Core } from "../core/core.js";

const SE = 1n << 63n;
const ENVCFG = 1n << 62n;
const CSRIND = 1n << 60n;
const AIA = 1n << 59n;
const IMSIC = 1n << 58n;

/** Sets all bits of the mstateen CSRs and clears those of the hstateen CSRs, as firmware does before it enters S-mode. */
export function openState(core: Core): void {
  core.setCsr(Csr.mstateen0, SE | ENVCFG | CSRIND | AIA | IMSIC);
  core.setCsr(Csr.hstateen0, 0n);
  for (const n of [1, 2, 3]) {
    core.setCsr(Csr.mstateen0 + n, SE);
    core.setCsr(Csr.hstateen0 + n, 0n);
  }
}

/** Lets guests have senvcfg and the (empty) sstateen CSRs, and no interrupt files. */
export function openGuestState(core: Core): void {
  core.setCsr(Csr.hstateen0, SE | ENVCFG);
}
