// Intel 82574L Gigabit Ethernet controller.
#pragma once
#include "dma.h"
#include "net.h"
#include "options.h"
#include "pci.h"

enum { E1000E_VENDOR = 0x8086, E1000E_DEVICE = 0x10d3 };

/** Starts the controller; NULL with a message when it doesn't answer. */
struct net_device *e1000e_start(const struct pci_function *function, const struct dma_map *map,
                                const struct options *options);
