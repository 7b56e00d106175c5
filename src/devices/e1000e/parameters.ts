// What a controller can be told: its times (named, with unit and source) and its MAC address.

/** Intel 82574 GbE Controller Family Datasheet, "PCIe Configuration Registers": the 82574L. */
export const E1000E_IDENTITY = {
  vendor: 0x8086,
  device: 0x10d3,
  classCode: 0x02_0000,
  subsystemVendor: 0x8086,
} as const;

export interface E1000eParameters {
  /** ns until a posted write of a tail register arrives. Default 450 (HyperSIO, one way). */
  readonly doorbellArrival: number;
  /** ns of a DMA read until its first 64 bytes arrive (descriptors, frames to send). Default 550 (pcie-bench, SIGCOMM'18). */
  readonly dmaRead: number;
  /** ns of a DMA write until the host sees it (received frames, descriptors). Default 260 (RAMCloud). */
  readonly dmaWrite: number;
  /** bit/s of the PCIe link. Default 57.88e9 (PCIe gen3 ×8, Neugebauer, SIGCOMM'18). */
  readonly linkBandwidth: number;
  /** ns of the PHY's auto-negotiation. Default 10e6 (assumed; copper takes up to seconds). */
  readonly autoNegotiation: number;
}

/** A controller behind a PCIe link. */
export const PCIE_TIMES: E1000eParameters = {
  doorbellArrival: 450,
  dmaRead: 550,
  dmaWrite: 260,
  linkBandwidth: 57.88e9,
  autoNegotiation: 10e6,
};

/** A software model: what it does takes no device time, since its cost is charged to the hart. */
export const NO_TIMES: E1000eParameters = {
  doorbellArrival: 0,
  dmaRead: 0,
  dmaWrite: 0,
  linkBandwidth: Infinity,
  autoNegotiation: 0,
};

export interface E1000eConfig {
  readonly times: E1000eParameters;
  /** Six bytes. */
  readonly mac: readonly number[];
  /** Descriptors that one event may work on; what is left over goes on in the next event. */
  readonly perEvent: number;
}

export const DEFAULT_CONFIG: E1000eConfig = {
  times: PCIE_TIMES,
  mac: [0x52, 0x54, 0x00, 0x12, 0x34, 0x56],
  perEvent: 64,
};
