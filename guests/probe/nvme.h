// NVM Express controller on PCI Express.
#pragma once
#include "block.h"
#include "dma.h"
#include "pci.h"

/** Resets and sets up the controller with one I/O queue pair; NULL with a message when it doesn't answer. */
struct block_device *nvme_start(const struct pci_function *function, const struct dma_map *map);
