// PCI Express Base Specification, "Enhanced Configuration Access Mechanism"; PCI Local Bus Specification 3.0,
// "Configuration Space Organization", "Base Addresses", "Interrupt Pin".
#include "pci.h"
#include "lib.h"
#include "paging.h"
#include "trap.h"

enum { VENDOR = 0x00, COMMAND = 0x04, CLASS = 0x08, HEADER = 0x0c, BAR0 = 0x10, PIN = 0x3d };
enum { COMMAND_IO = 1, COMMAND_MEMORY = 2, COMMAND_MASTER = 4, COMMAND_INTX_OFF = 0x400 };
enum { BAR_IO = 1, BAR_TYPE = 6, BAR_64 = 4, SLOTS = 32, FUNCTIONS = 8 };

/** Where the next BAR goes, in memory and in I/O space: nothing else on this bus is ever placed. */
static u64 window_next, ports_next = PAGE;

static u32 source_of(const struct machine *m, u32 slot, u32 pin) {
  if (pin < 1 || pin > 4) return 0;
  const u32 mapped = m->pci_source[slot % m->pci_slots][pin - 1];
  return mapped ? mapped : 32 + (pin - 1 + slot) % 4;  // QEMU's virt board, should the tree say nothing
}

bool pci_find(const struct machine *m, u32 class_code, struct pci_function *found) {
  if (!m->ecam) return false;
  paging_map(m->ecam, MIN(m->ecam_size, 2 * MIB), MAP_R | MAP_W, true);
  for (u32 i = 0; i < SLOTS * FUNCTIONS; i++) {
    const u64 config = m->ecam + i * PAGE;
    u32 id, header;
    if (!probe_read32(config + VENDOR, &id) || id == ~0u || id == 0 || !probe_read32(config + HEADER, &header)) {
      if (i % FUNCTIONS == 0) i += FUNCTIONS - 1;
      continue;
    }
    if (mmio_read32(config + CLASS) >> 8 == class_code) {
      const u32 slot = i / FUNCTIONS;
      *found = (struct pci_function){.config = config, .slot = slot, .function = i % FUNCTIONS, .vendor = id & 0xffff,
                                     .device = id >> 16, .source = source_of(m, slot, mmio_read8(config + PIN))};
      return true;
    }
    if (i % FUNCTIONS == 0 && !(header & 0x800000)) i += FUNCTIONS - 1;  // not a multi-function device
  }
  return false;
}

bool pci_start(const struct machine *m, struct pci_function *f) {
  const u16 command = mmio_read16(f->config + COMMAND);
  mmio_write16(f->config + COMMAND, command & ~(COMMAND_MEMORY | COMMAND_MASTER));
  const u32 kind = mmio_read32(f->config + BAR0);
  if (kind & BAR_IO) return print("pci: BAR0 isn't memory\n"), false;
  const bool wide = (kind & BAR_TYPE) == BAR_64;
  mmio_write32(f->config + BAR0, ~0u);
  if (wide) mmio_write32(f->config + BAR0 + 4, ~0u);
  const u64 low = mmio_read32(f->config + BAR0) & ~0xfu;
  const u64 high = wide ? mmio_read32(f->config + BAR0 + 4) : ~0u;
  f->bar0_size = ~(high << 32 | low) + 1;
  if (f->bar0_size < PAGE || f->bar0_size > m->pci_window_size || f->bar0_size & (f->bar0_size - 1))
    return print("pci: BAR0 of size 0x%lx\n", f->bar0_size), false;
  if (!window_next) window_next = m->pci_window;
  f->bar0 = ALIGN_UP(window_next, f->bar0_size);
  window_next = f->bar0 + f->bar0_size;
  if (window_next > m->pci_window + m->pci_window_size) return print("pci: the window is full\n"), false;
  mmio_write32(f->config + BAR0, (u32)f->bar0);
  if (wide) mmio_write32(f->config + BAR0 + 4, (u32)(f->bar0 >> 32));
  mmio_write16(f->config + COMMAND, (command & ~COMMAND_INTX_OFF) | COMMAND_MEMORY | COMMAND_MASTER);
  paging_map(f->bar0, MIN(f->bar0_size, 64 * KIB), MAP_R | MAP_W, false);
  print("pci: 00:%02x.%x %04x:%04x BAR0 0x%lx size 0x%lx, PLIC source %u\n", f->slot, f->function, f->vendor,
        f->device, f->bar0, f->bar0_size, f->source);
  return true;
}

bool pci_start_ports(const struct machine *m, struct pci_function *f) {
  if (!m->pci_ports) return print("pci: the tree has no I/O space\n"), false;
  const u16 command = mmio_read16(f->config + COMMAND) & ~(COMMAND_INTX_OFF | COMMAND_MASTER);
  mmio_write16(f->config + COMMAND, command & ~COMMAND_IO);
  for (u32 i = 0; i < PCI_BARS; i++) {
    const u64 bar = f->config + BAR0 + 4 * i;
    if (!(mmio_read32(bar) & BAR_IO)) continue;
    mmio_write32(bar, ~0u);
    const u32 size = ~(mmio_read32(bar) & ~3u) + 1;
    if (size < 4 || size > 256 || size & (size - 1)) return print("pci: BAR%u of %u ports\n", i, size), false;
    const u64 port = ALIGN_UP(ports_next, (u64)size);
    ports_next = port + size;
    if (ports_next > m->pci_ports_size) return print("pci: I/O space is full\n"), false;
    mmio_write32(bar, (u32)port);
    f->ports[i] = m->pci_ports + port;
    paging_map(f->ports[i], size, MAP_R | MAP_W, false);
  }
  mmio_write16(f->config + COMMAND, command | COMMAND_IO | COMMAND_MASTER);
  print("pci: 00:%02x.%x %04x:%04x I/O ports up to 0x%lx, PLIC source %u\n", f->slot, f->function, f->vendor,
        f->device, ports_next, f->source);
  return true;
}
