// The device models' times out of the cost table.
import type { MediumParameters } from "../backends/medium.js";
import type { AtaSettings } from "../devices/ata/controller.js";
import type { E1000eParameters } from "../devices/e1000e/parameters.js";
import type { DmaTimes } from "../devices/virtio/dma-times.js";
import type { NvmeParameters } from "../devices/nvme/parameters.js";
import type { Costs } from "./costs.js";

/** Bytes of a line that a DMA request moves at a time. */
const LINE_BYTES = 64;
/** Bytes of one piece of a transfer. */
const PIECE_BYTES = 0x1_0000;
const GIGA = 1e9;

/** Times of an NVMe controller behind the PCIe link. */
export function nvmeTimes(costs: Costs): NvmeParameters {
  return {
    doorbellArrival: costs.value("mmio-write-arrival"),
    dmaRead: costs.value("dma-read-pcie"),
    dmaWrite: costs.value("dma-write"),
    linkBandwidth: costs.value("pcie-bandwidth") * GIGA,
    enable: costs.value("nvme-enable"),
    disable: costs.value("nvme-disable"),
    shutdown: costs.value("nvme-shutdown"),
  };
}

/** Times of an ATA controller and its disk behind the PCIe link. */
export function ataTimes(costs: Costs): Partial<AtaSettings> {
  return { commandTime: costs.value("ata-command"), dmaRead: costs.value("dma-read-pcie") };
}

/** The medium of a disk behind an ATA cable. */
export function ataMediumParameters(costs: Costs): MediumParameters {
  const parameters = mediumParameters(costs);
  return { ...parameters, bandwidth: Math.min(parameters.bandwidth, costs.value("ata-bandwidth") * GIGA) };
}

/** Times of an 82574L behind the PCIe link. */
export function e1000eTimes(costs: Costs): E1000eParameters {
  return {
    doorbellArrival: costs.value("mmio-write-arrival"),
    dmaRead: costs.value("dma-read-pcie"),
    dmaWrite: costs.value("dma-write"),
    linkBandwidth: costs.value("pcie-bandwidth") * GIGA,
    autoNegotiation: costs.value("nic-auto-negotiation"),
  };
}

/** Times of the DMA engine of a virtio device behind the PCIe link. */
export function virtioTimes(costs: Costs): DmaTimes {
  return {
    dmaRead: costs.value("dma-read-pcie"),
    dmaWrite: costs.value("dma-write"),
    linkBandwidth: costs.value("pcie-bandwidth") * GIGA,
  };
}

/** The physical disk's medium and its DMA engine. */
export function mediumParameters(costs: Costs): MediumParameters {
  return {
    readAccess: costs.value("medium-read"),
    writeAccess: costs.value("medium-write"),
    flush: costs.value("medium-flush"),
    channels: costs.value("medium-channels"),
    bandwidth: costs.value("medium-bandwidth") * GIGA,
    linkBandwidth: costs.value("pcie-bandwidth") * GIGA,
    linkPayload: costs.value("pcie-payload"),
    linkHeader: costs.value("pcie-header"),
    dmaRead: costs.value("dma-read-pcie"),
    dmaWrite: costs.value("dma-write"),
    outstandingLines: costs.value("outstanding-lines"),
    lineBytes: LINE_BYTES,
    outstandingTranslations: costs.value("outstanding-translations"),
    pieceBytes: PIECE_BYTES,
  };
}
