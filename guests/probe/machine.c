// Devicetree Specification 0.4, "Flattened Devicetree (DTB) Format", "Interrupts and Interrupt Mapping";
// PCI Bus Binding to Open Firmware, for the PCI host's ranges and interrupt-map.
#include "machine.h"
#include "lib.h"

enum { MAGIC = 0xd00dfeed, BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9, MAX_DEPTH = 8 };
enum { SUPERVISOR_EXTERNAL = 9, MAX_TREE = 4 * 1024 * 1024 };

struct property {
  const u8 *at;
  u32 length;
};

struct node {
  const char *name;
  u32 address_cells, size_cells;
  struct property compatible, reg, ranges, interrupts, extended, map, map_mask, isa, isa_extensions, phandle, sources,
    timebase, bootargs, device_type, status;
};

static const struct {
  const char *name;
  u32 offset;
} known[] = {
#define KNOWN(text, field) {text, __builtin_offsetof(struct node, field)}
  KNOWN("compatible", compatible), KNOWN("reg", reg), KNOWN("ranges", ranges), KNOWN("interrupts", interrupts),
  KNOWN("interrupts-extended", extended), KNOWN("interrupt-map", map), KNOWN("interrupt-map-mask", map_mask),
  KNOWN("riscv,isa", isa), KNOWN("riscv,isa-extensions", isa_extensions), KNOWN("phandle", phandle),
  KNOWN("riscv,ndev", sources), KNOWN("timebase-frequency", timebase), KNOWN("bootargs", bootargs),
  KNOWN("device_type", device_type), KNOWN("status", status),
};

/** What can only be understood once the whole tree has been read. */
struct later {
  u64 hart;
  u32 hart_controller;  // phandle of our hart's interrupt controller
  struct property plic_contexts, map, map_mask;
};

static u32 be32(const u8 *at) { return (u32)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]; }

static u64 cells(struct property p, u32 index, u32 count) {
  u64 value = 0;
  for (u32 i = index; i < index + count; i++) value = value << 32 | ((i + 1) * 4 <= p.length ? be32(p.at + i * 4) : 0);
  return value;
}

/** A list of NUL-terminated strings holds `text`. */
static bool lists(struct property p, const char *text) {
  for (u32 i = 0, start = 0; i < p.length; i++)
    if (!p.at[i]) {
      if (same((const char *)p.at + start, text)) return true;
      start = i + 1;
    }
  return false;
}

/** An ISA string such as rv64imac_zicsr_sstc names `extension`. */
static bool isa_has(struct property p, const char *extension) {
  const u32 n = strlen(extension);
  for (u32 i = 0; i + n < p.length; i++)
    if (p.at[i] == '_' && starts_with((const char *)p.at + i + 1, extension) && i + 1 + n < p.length &&
        (p.at[i + 1 + n] == '_' || !p.at[i + 1 + n]))
      return true;
  return false;
}

static void read_pci(struct machine *m, const struct node *node, const struct node *parent, struct later *later) {
  m->ecam = cells(node->reg, 0, parent->address_cells);
  m->ecam_size = cells(node->reg, parent->address_cells, parent->size_cells);
  const u32 width = 3 + parent->address_cells + 2;
  for (u32 i = 0; (i + width) * 4 <= node->ranges.length; i += width) {
    const u32 space = cells(node->ranges, i, 1) >> 24 & 3;  // phys.hi: 1 is I/O, 2 is 32-bit memory
    const u64 bus = cells(node->ranges, i + 1, 2), physical = cells(node->ranges, i + 3, parent->address_cells);
    const u64 size = cells(node->ranges, i + 3 + parent->address_cells, 2);
    if (space == 1 && bus == 0) m->pci_ports = physical, m->pci_ports_size = size;
    if (space == 2 && bus == physical && !m->pci_window) m->pci_window = physical, m->pci_window_size = size;
  }
  later->map = node->map;
  later->map_mask = node->map_mask;
}

static void read_node(struct machine *m, const struct node *node, const struct node *parent, struct later *later) {
  const u64 base = cells(node->reg, 0, parent->address_cells);
  const u64 size = cells(node->reg, parent->address_cells, parent->size_cells);
  if (node->status.length && !lists(node->status, "okay") && !lists(node->status, "ok")) return;
  if (same(node->name, "cpus")) m->timebase = cells(node->timebase, 0, node->timebase.length / 4);
  if (same(node->name, "chosen") && node->bootargs.length)
    copy_text(m->bootargs, sizeof m->bootargs, (const char *)node->bootargs.at,
              (const char *)node->bootargs.at + node->bootargs.length);
  if (lists(node->device_type, "memory") && !m->memory_size) m->memory_start = base, m->memory_size = size;
  if (lists(node->device_type, "cpu") && cells(node->reg, 0, node->reg.length / 4) == later->hart) {
    m->sstc = isa_has(node->isa, "sstc") || lists(node->isa_extensions, "sstc");
  }
  if (lists(node->compatible, "riscv,cpu-intc") && lists(parent->device_type, "cpu") &&
      cells(parent->reg, 0, parent->reg.length / 4) == later->hart)
    later->hart_controller = cells(node->phandle, 0, 1);
  if (lists(node->compatible, "ns16550a") && !m->uart) m->uart = base, m->uart_source = cells(node->interrupts, 0, 1);
  if (lists(node->compatible, "sifive,plic-1.0.0") || lists(node->compatible, "riscv,plic0")) {
    m->plic = base, m->plic_size = size, m->plic_sources = cells(node->sources, 0, 1);
    later->plic_contexts = node->extended;
  }
  if (lists(node->compatible, "pci-host-ecam-generic") && !m->ecam) read_pci(m, node, parent, later);
  if (lists(node->compatible, "virtio,mmio") && m->virtio_count < MAX_VIRTIO) {
    m->virtio[m->virtio_count].base = base;
    m->virtio[m->virtio_count++].source = cells(node->interrupts, 0, 1);
  }
}

/** The PLIC context that raises our hart's supervisor external interrupt. */
static void find_plic_context(struct machine *m, const struct later *later) {
  for (u32 i = 0; (i + 1) * 8 <= later->plic_contexts.length; i++)
    if (cells(later->plic_contexts, i * 2, 1) == later->hart_controller &&
        cells(later->plic_contexts, i * 2 + 1, 1) == SUPERVISOR_EXTERNAL) {
      m->plic_context = i;
      return;
    }
  panic("device tree: the PLIC has no supervisor context for hart %lu", later->hart);
}

/** interrupt-map entries: unit address (3), pin (1), PLIC phandle (1), source (1); the PLIC has no address cells. */
static void read_interrupt_map(struct machine *m, const struct later *later) {
  const u32 mask = later->map_mask.length ? cells(later->map_mask, 0, 1) : 0x1800;
  m->pci_slots = MIN((mask >> 11 & 31) + 1, 32);
  for (u32 i = 0; (i + 6) * 4 <= later->map.length; i += 6) {
    const u32 slot = cells(later->map, i, 1) >> 11 & 31, pin = cells(later->map, i + 3, 1);
    if (pin >= 1 && pin <= 4) m->pci_source[slot][pin - 1] = cells(later->map, i + 5, 1);
  }
}

static void take_property(struct node *node, const char *name, struct property p) {
  if (same(name, "#address-cells")) node->address_cells = MIN(cells(p, 0, 1), 3);
  else if (same(name, "#size-cells")) node->size_cells = MIN(cells(p, 0, 1), 2);
  else
    for (u32 i = 0; i < COUNT(known); i++)
      if (same(name, known[i].name)) *(struct property *)((u8 *)node + known[i].offset) = p;
}

static void walk(struct machine *m, const u8 *at, const u8 *end, const char *strings, struct later *later) {
  static struct node stack[MAX_DEPTH + 1];  // stack[0] stands above the root
  u32 depth = 0;
  stack[0] = (struct node){.name = "", .address_cells = 2, .size_cells = 1};
  while (at + 4 <= end) {
    const u32 token = be32(at);
    at += 4;
    if (token == END) return;
    if (token == BEGIN_NODE) {
      if (++depth > MAX_DEPTH) panic("device tree: deeper than %u", MAX_DEPTH);
      stack[depth] = (struct node){.name = (const char *)at, .address_cells = 2, .size_cells = 1};
      at += ALIGN_UP(strlen((const char *)at) + 1, 4);
    } else if (token == END_NODE) {
      if (!depth) panic("device tree: unbalanced");
      read_node(m, &stack[depth], &stack[depth - 1], later);
      depth--;
    } else if (token == PROP) {
      const struct property p = {.at = at + 8, .length = be32(at)};
      take_property(&stack[depth], strings + be32(at + 4), p);
      at += 8 + ALIGN_UP((u64)p.length, 4);
    } else if (token != NOP) panic("device tree: token %u", token);
  }
}

void machine_read(struct machine *m, u64 address, u64 hart) {
  const u8 *tree = (const u8 *)address;
  struct later later = {.hart = hart};
  if (!address || be32(tree) != MAGIC) panic("device tree: none at 0x%lx", address);
  m->tree_start = address;
  m->tree_size = MIN(be32(tree + 4), (u32)MAX_TREE);
  const u8 *structure = tree + be32(tree + 8);
  walk(m, structure, structure + be32(tree + 36), (const char *)tree + be32(tree + 12), &later);
  if (!m->memory_size || !m->plic || !m->timebase) panic("device tree: memory, plic or timebase-frequency missing");
  find_plic_context(m, &later);
  read_interrupt_map(m, &later);
}
