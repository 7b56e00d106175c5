// RISC-V IOMMU Architecture 1.0, "Command-Queue (CQ)".
import { ramAddress } from "../bus/ram";
import { Cost } from "../isa/cost";
import { Counter } from "../isa/counter";
import { Cqcsr, FCTL_WSI, IommuReg } from "../isa/iommu";
import { DMA_CYCLES } from "../layout";
import { invalidateDdt, invalidatePdt, tooWide } from "./directory";
import { invalidateGvma, invalidateVma } from "./iotlb";
import { deliver, destination } from "./msi";
import { cost, count } from "./request";
import { queueBase, queueMask, reg, reg64, setReg } from "./state";

/** opcode in bits 6:0, func3 in bits 9:7. */
const enum Command {
  IOTINVAL_VMA = 0x001,
  IOTINVAL_GVMA = 0x081,
  IOFENCE_C = 0x002,
  IODIR_INVAL_DDT = 0x003,
  IODIR_INVAL_PDT = 0x083,
}

/** Reserved bits of the first and second doubleword (NL and S are reserved without their extensions). */
const IOTINVAL_RESERVED: u64 = 0xf000_0ffc_0000_0800;
const IOTINVAL_RESERVED2: u64 = 0xc000_0000_0000_03ff;
const IOFENCE_RESERVED: u64 = 0x0000_0000_ffff_c000;
const IOFENCE_RESERVED2: u64 = 0xc000_0000_0000_0000;
const IODIR_RESERVED: u64 = 0x0000_00fd_0000_0c00;

const COMMAND_SIZE: u32 = 16;

/** Executes what the queue holds, until it is empty or a command fails. Its cycles go to the DMA record. */
export function processCommands(): void {
  store<u32>(DMA_CYCLES, 0);
  const cqcsr = reg(IommuReg.cqcsr);
  if (!(cqcsr & Cqcsr.cqon) || cqcsr & (Cqcsr.cqmf | Cqcsr.cmd_to | Cqcsr.cmd_ill)) return;
  const cqb = reg64(IommuReg.cqb);
  const mask = queueMask(cqb);
  const base = queueBase(cqb);
  const tail = reg(IommuReg.cqt) & mask;
  let head = reg(IommuReg.cqh) & mask;
  let done: u32 = 0;
  while (head != tail) {
    const address = ramAddress(base + head * COMMAND_SIZE, COMMAND_SIZE);
    const failure = address ? execute(load<u64>(address), load<u64>(address, 8)) : Cqcsr.cqmf;
    if (failure) {
      setReg(IommuReg.cqcsr, reg(IommuReg.cqcsr) | failure);
      break;
    }
    head = (head + 1) & mask;
    ++done;
  }
  setReg(IommuReg.cqh, head);
  count(Counter.IoCommands, done);
  store<u32>(DMA_CYCLES, done * cost(Cost.IoCommand));
}

/** Executes one command; returns 0 or the bit of `cqcsr` that stops the queue. */
function execute(first: u64, second: u64): u32 {
  const av = <u32>(first >> 10) & 1;
  const pid = <u32>(first >> 12) & 0xf_ffff;
  switch (<u32>first & 0x3ff) {
    case Command.IOTINVAL_VMA:
    case Command.IOTINVAL_GVMA: {
      if (first & IOTINVAL_RESERVED || second & IOTINVAL_RESERVED2) return Cqcsr.cmd_ill;
      const pscv = <u32>(first >> 32) & 1;
      const gv = <u32>(first >> 33) & 1;
      const gscid = <u32>(first >> 44) & 0xffff;
      const address = (second >> 10) << 12;
      if ((<u32>first & 0x3ff) == Command.IOTINVAL_VMA) invalidateVma(gv, av, pscv, gscid, pid, address);
      else if (pscv) return Cqcsr.cmd_ill;
      else invalidateGvma(gv, av, gscid, address);
      return 0;
    }
    case Command.IOFENCE_C:
      return first & IOFENCE_RESERVED || second & IOFENCE_RESERVED2 ? <u32>Cqcsr.cmd_ill : fence(first, second << 2);
    case Command.IODIR_INVAL_DDT:
    case Command.IODIR_INVAL_PDT: {
      if (first & IODIR_RESERVED || second) return Cqcsr.cmd_ill;
      const dv = <u32>(first >> 33) & 1;
      const did = <u32>(first >> 40);
      if (dv && tooWide(did)) return Cqcsr.cmd_ill;
      if ((<u32>first & 0x3ff) == Command.IODIR_INVAL_DDT) {
        if (pid) return Cqcsr.cmd_ill;
        invalidateDdt(dv, did);
      } else {
        if (!dv) return Cqcsr.cmd_ill;
        invalidatePdt(did, pid);
      }
      return 0;
    }
    default:
      return Cqcsr.cmd_ill;
  }
}

/** IOFENCE.C: all before it is done by now; what is left is the store, to RAM or an interrupt file, and the wired interrupt. */
function fence(first: u64, target: u64): u32 {
  const wired = first & (1 << 11);
  if (wired && !(reg(IommuReg.fctl) & FCTL_WSI)) return Cqcsr.cmd_ill;
  if (first & (1 << 10)) {
    const to = destination(target);
    if (!to) return Cqcsr.cqmf;
    deliver(to, <u32>(first >> 32));
  }
  if (wired) setReg(IommuReg.cqcsr, reg(IommuReg.cqcsr) | Cqcsr.fence_w_ip);
  return 0;
}
