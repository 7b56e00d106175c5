// A disk behind an ATA controller with bus-master DMA.
#pragma once
#include "block.h"
#include "dma.h"
#include "pci.h"

/** Device 0 of the primary channel; NULL with a message when the controller or the disk isn't understood. */
struct block_device *ata_start(const struct pci_function *function, const struct dma_map *map);
