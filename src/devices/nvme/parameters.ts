// What a controller can be told: its times (named, with unit and source) and its identity and limits.

/** Times of the controller itself; those of the medium are MediumParameters. */
export interface NvmeParameters {
  /** ns until a posted write of a submission doorbell arrives. Default 450 (HyperSIO, one way). */
  readonly doorbellArrival: number;
  /** ns of a DMA read until its first 64 bytes arrive (queue entries, PRP lists). Default 550 (pcie-bench, SIGCOMM'18). */
  readonly dmaRead: number;
  /** ns of a DMA write until the host sees it (completions). Default 260 (RAMCloud). */
  readonly dmaWrite: number;
  /** bit/s of the link, for what a read brings beyond 64 bytes. Default 57.88e9 (PCIe gen3 ×8, Neugebauer, SIGCOMM'18). */
  readonly linkBandwidth: number;
  /** ns from CC.EN = 1 to CSTS.RDY = 1. Default 10 000 (assumed). */
  readonly enable: number;
  /** ns from CC.EN = 0 to CSTS.RDY = 0. Default 1 000 (assumed). */
  readonly disable: number;
  /** ns of a shutdown, besides the flush. Default 10 000 (assumed). */
  readonly shutdown: number;
}

/** A controller behind a PCIe link. */
export const PCIE_TIMES: NvmeParameters = {
  doorbellArrival: 450,
  dmaRead: 550,
  dmaWrite: 260,
  linkBandwidth: 57.88e9,
  enable: 10_000,
  disable: 1_000,
  shutdown: 10_000,
};

/** A software model: what it does takes no device time, since its cost is charged to the hart. */
export const NO_TIMES: NvmeParameters = {
  doorbellArrival: 0,
  dmaRead: 0,
  dmaWrite: 0,
  linkBandwidth: Infinity,
  enable: 0,
  disable: 0,
  shutdown: 0,
};

export interface NvmeConfig {
  readonly times: NvmeParameters;
  /** PCI vendor and subsystem vendor, as in the function's configuration space. */
  readonly vendorId: number;
  readonly subsystemVendorId: number;
  /** ASCII, at most 20, 40 and 8 characters. */
  readonly serialNumber: string;
  readonly modelNumber: string;
  readonly firmwareRevision: string;
  /** UUID of the namespace, in text form. Two disks of one machine must differ. */
  readonly uuid: string;
  /** Bytes of a logical block. */
  readonly blockSize: 512 | 4096;
  /** Largest queue, in entries: CAP.MQES + 1. */
  readonly queueEntries: number;
  /** I/O queues of each kind. */
  readonly ioQueues: number;
  /** Largest data transfer of a command: 2^mdts memory pages of 4 KiB, at most 10. */
  readonly mdts: number;
  /** I/O commands that the controller works on at a time; further ones stay in their queues. */
  readonly outstanding: number;
  /** Commands that one event may start; what is left over goes on in the next event. */
  readonly perEvent: number;
  readonly writeProtected: boolean;
  /** Whether the medium has a volatile write cache, so that Flush and FUA mean something. */
  readonly volatileWriteCache: boolean;
  /** Composite temperature in kelvins. */
  readonly temperature: number;
}

/** As QEMU's controller names itself. NVM Express over PCIe Transport Specification 1.0, "PCI Header": class code of an I/O controller. */
export const NVME_IDENTITY = {
  vendor: 0x1b36,
  device: 0x0010,
  classCode: 0x01_0802,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
} as const;
/** Bytes of BAR 0: registers and doorbells. */
export const NVME_BAR_SIZE = 0x4000;

export const DEFAULT_CONFIG: NvmeConfig = {
  times: PCIE_TIMES,
  vendorId: NVME_IDENTITY.vendor,
  subsystemVendorId: NVME_IDENTITY.subsystemVendor,
  serialNumber: "YADO0001",
  modelNumber: "Yado NVMe disk",
  firmwareRevision: "1.0",
  uuid: "5961646f-0000-4000-8000-000000000001",
  blockSize: 512,
  queueEntries: 1024,
  ioQueues: 16,
  mdts: 8,
  outstanding: 64,
  perEvent: 64,
  writeProtected: false,
  volatileWriteCache: true,
  temperature: 313,
};
