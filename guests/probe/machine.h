// What the device tree says about the machine.
#pragma once
#include "kernel.h"

enum { MAX_VIRTIO = 16 };

struct machine {
  u64 memory_start, memory_size;
  u64 tree_start, tree_size;
  u64 timebase;
  bool sstc;
  u64 uart;
  u32 uart_source;
  u64 plic, plic_size;
  u32 plic_context, plic_sources;
  u64 ecam, ecam_size;
  u64 pci_window, pci_window_size;  // 32-bit non-prefetchable, bus address = physical address
  u64 pci_ports, pci_ports_size;    // I/O space: physical address of port 0
  u32 pci_slots, pci_source[32][4];  // PLIC source of a slot's pin A…D; slots repeat modulo pci_slots
  struct {
    u64 base;
    u32 source;
  } virtio[MAX_VIRTIO];
  u32 virtio_count;
  char bootargs[1024];
};

/** Reads the tree at `address` for the hart we run on; panics with a reason when it is no use. */
void machine_read(struct machine *machine, u64 address, u64 hart);
