// PCI Express bus 0 through ECAM.
#pragma once
#include "machine.h"

enum { PCI_BARS = 6 };

struct pci_function {
  u64 config;    // its 4 KiB of configuration space
  u32 slot, function;
  u16 vendor, device;
  u64 bar0, bar0_size;
  u64 ports[PCI_BARS];  // where the ports of an I/O BAR begin in memory, 0 for none
  u32 source;    // PLIC source of its INTx pin, 0 for none
};

/** Finds the first function of `class_code` (class, subclass, interface: 24 bits) on bus 0; false without one. */
bool pci_find(const struct machine *machine, u32 class_code, struct pci_function *found);
/** Places BAR0 in the 32-bit window, maps it, enables memory space and bus mastering; false with a message. */
bool pci_start(const struct machine *machine, struct pci_function *function);
/** Places all I/O BARs in one page of I/O space, maps it, enables I/O space and bus mastering; false with a message. */
bool pci_start_ports(const struct machine *machine, struct pci_function *function);
