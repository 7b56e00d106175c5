// RISC-V IOMMU Architecture 1.0, "Memory-mapped register interface", in accesses of 4 bytes.
import { hasImsic } from "../aia/files";
import { CAPABILITY_MSI_FLAT, Cqcsr, FCTL_WSI, Fqcsr, IOMMU_SIZE, IommuMode, IommuReg } from "../isa/iommu";
import { DMA_CYCLES, HART_CYCLES } from "../layout";
import { processCommands } from "./commands";
import { finishTranslation, requestTranslation } from "./debug";
import { EVENT_COUNTERS, overflows, updateCycles, useSelectors } from "./hpm";
import { announce, updatePending, writeMessageTable } from "./interrupts";
import { ANNOUNCED, DEBUG_PENDING, HPM_ACTIVE, HPM_SINCE, MSI_WAITING, REGS, queueMask, reg, reg64, setReg } from "./state";

/** version 1.0, Sv39/48/57, Svpbmt, x4, AMO_HWAD, IGS = WSI, HPM, DBG, PAS = 56, PD8, PD17, PD20. */
const CAPABILITIES: u64 = 0x10 | (7 << 9) | (1 << 15) | (7 << 17) | (1 << 24) | (1 << 28) | (3 << 30) | (56 << 32) | (7 << 38);
/** What IMSICs add and take away: MSI_FLAT, IGS = BOTH. */
const IMSIC_CAPABILITIES: u64 = CAPABILITY_MSI_FLAT | (3 << 28);
/** Largest LOG2SZ-1 of the queues: 65,536 entries, so that no register write takes for ever. */
const MAX_LOG2SZ_1: u32 = 15;
/** Highest standard event that can be selected. */
const MAX_EVENT: u32 = 8;
/** Low and high half of the PPN field. */
const PPN_LOW: u32 = 0xffff_fc00;
const PPN_HIGH: u32 = 0x003f_ffff;

/** "Reset behavior"; `ddtp.iommu_mode` is Off. */
export function resetRegisters(): void {
  memory.fill(REGS, 0, IOMMU_SIZE);
  store<u64>(REGS + IommuReg.capabilities, hasImsic() ? CAPABILITIES ^ IMSIC_CAPABILITIES : CAPABILITIES);
  setReg(IommuReg.fctl, FCTL_WSI);
  store<u32>(MSI_WAITING, 0);
  store<u64>(HPM_SINCE, load<u64>(HART_CYCLES));
  store<u32>(HPM_ACTIVE, 0);
  store<u32>(DEBUG_PENDING, 0);
  store<u32>(ANNOUNCED, 0);
}

export function readRegister(offset: u32): u32 {
  if (offset >= <u32>IOMMU_SIZE) return 0;
  offset &= ~3;
  if (offset - IommuReg.iocountovf < 16) updateCycles();
  if (offset - IommuReg.tr_req_iova < 24) finishTranslation();
  return offset == IommuReg.iocountovf ? overflows() : reg(offset);
}

export function writeRegister(offset: u32, value: u32): void {
  if (offset >= <u32>IOMMU_SIZE) return;
  store<u32>(DMA_CYCLES, 0);
  updateCycles();
  write(offset & ~3, value);
  updatePending();
  announce();
}

function write(offset: u32, value: u32): void {
  switch (offset) {
    case IommuReg.fctl:
      if (hasImsic()) setReg(offset, value & FCTL_WSI); // BE and GXL are fixed; without IMSICs WSI is as well
      break;
    case IommuReg.ddtp: {
      const mode = (value & 15) <= <u32>IommuMode.ThreeLevel ? value & 15 : reg(IommuReg.ddtp) & 15;
      setReg(offset, (value & PPN_LOW) | mode);
      break;
    }
    case IommuReg.ddtp + 4:
    case IommuReg.cqb + 4:
    case IommuReg.fqb + 4:
      setReg(offset, value & PPN_HIGH);
      break;
    case IommuReg.cqb:
    case IommuReg.fqb: {
      setReg(offset, (value & PPN_LOW) | min(value & 31, MAX_LOG2SZ_1));
      const software = offset == IommuReg.cqb ? IommuReg.cqt : IommuReg.fqh;
      setReg(software, reg(software) & queueMask(reg(offset)));
      break;
    }
    case IommuReg.cqt:
      setReg(offset, value & queueMask(reg64(IommuReg.cqb)));
      processCommands();
      break;
    case IommuReg.fqh:
      setReg(offset, value & queueMask(reg64(IommuReg.fqb)));
      break;
    case IommuReg.cqcsr:
      writeQueueControl(offset, value, Cqcsr.cqmf | Cqcsr.cmd_to | Cqcsr.cmd_ill | Cqcsr.fence_w_ip, IommuReg.cqh);
      processCommands();
      break;
    case IommuReg.fqcsr:
      writeQueueControl(offset, value, Fqcsr.fqmf | Fqcsr.fqof, IommuReg.fqt);
      break;
    case IommuReg.ipsr:
      setReg(offset, reg(offset) & ~value);
      break;
    case IommuReg.iocountinh:
      setReg(offset, value & ((2 << EVENT_COUNTERS) - 1));
      useSelectors();
      break;
    case IommuReg.iohpmcycles:
    case IommuReg.iohpmcycles + 4:
      setReg(offset, value);
      break;
    case IommuReg.tr_req_iova:
      setReg(offset, value & ~0xfff);
      break;
    case IommuReg.tr_req_iova + 4:
      setReg(offset, value);
      break;
    case IommuReg.tr_req_ctl:
      setReg(offset, (value & 0xffff_f00f) | (reg(offset) & 1));
      if (value & 1) requestTranslation();
      break;
    case IommuReg.tr_req_ctl + 4:
      setReg(offset, value & 0xffff_ff01);
      break;
    case IommuReg.icvec:
      setReg(offset, value & 0x3333);
      break;
    default:
      if (offset - IommuReg.iohpmctr < EVENT_COUNTERS * 8) setReg(offset, value);
      else if (offset - IommuReg.iohpmevt < EVENT_COUNTERS * 8) {
        const unknown = !(offset & 4) && (value & 0x7fff) > MAX_EVENT;
        setReg(offset, unknown ? value & ~0x7fff : value);
        useSelectors();
      } else if (offset >= <u32>IommuReg.msi_cfg_tbl && hasImsic()) writeMessageTable(offset, value);
  }
}

/** cqcsr and fqcsr: enable and interrupt-enable are RW, `sticky` bits RW1C; enabling clears them and the IOMMU's index. */
function writeQueueControl(offset: u32, value: u32, sticky: u32, index: u32): void {
  const old = reg(offset);
  let bits = old & sticky & ~value;
  if (value & ~old & Cqcsr.cqen) {
    bits = 0;
    setReg(index, 0);
  }
  setReg(offset, bits | (value & (Cqcsr.cqen | Cqcsr.cie)) | ((value & Cqcsr.cqen) << 16));
}
