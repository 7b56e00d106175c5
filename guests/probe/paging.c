// RISC-V Privileged Architecture, "Sv39: Page-Based 39-bit Virtual-Memory System", "Supervisor Address Translation and
// Protection (satp) Register".
#include "paging.h"
#include "lib.h"

enum { PTE_V = 1, PTE_A = 1 << 6, PTE_D = 1 << 7, ENTRIES = 512, TABLES = 128 };
#define SATP_SV39 (8ul << 60)
#define LARGE_PAGE (2 * MIB)

extern char kernel_start[], kernel_data[], kernel_end[], stack_guard[];

static u64 tables[TABLES][ENTRIES] __attribute__((aligned(4096)));
static u32 tables_used = 1;  // tables[0] is the root

static u64 *table_below(u64 *entry) {
  if (!(*entry & PTE_V)) {
    if (tables_used == TABLES) panic("paging: out of page tables");
    *entry = (u64)tables[tables_used++] >> 12 << 10 | PTE_V;
  }
  return (u64 *)(*entry >> 10 << 12);
}

static void map_page(u64 address, u32 rights, bool large) {
  // A and D are set beforehand: no page fault and no update of the table later on.
  const u64 leaf = address >> 12 << 10 | PTE_D | PTE_A | rights | PTE_V;
  u64 *middle = table_below(&tables[0][address >> 30 & 511]) + (address >> 21 & 511);
  if (large) *middle = leaf;
  else table_below(middle)[address >> 12 & 511] = leaf;
}

void paging_map(u64 address, u64 length, u32 rights, bool large) {
  const u64 end = ALIGN_UP(address + length, PAGE);
  for (address &= ~(PAGE - 1); address < end;) {
    const bool fits = large && address % LARGE_PAGE == 0 && end - address >= LARGE_PAGE;
    map_page(address, rights, fits);
    address += fits ? LARGE_PAGE : PAGE;
  }
  asm volatile("sfence.vma" : : : "memory");
}

void paging_start(void) {
  const u64 guard = (u64)stack_guard;
  paging_map((u64)kernel_start, (u64)(kernel_data - kernel_start), MAP_R | MAP_X, false);
  paging_map((u64)kernel_data, guard - (u64)kernel_data, MAP_R | MAP_W, false);
  paging_map(guard + PAGE, (u64)kernel_end - guard - PAGE, MAP_R | MAP_W, false);
  asm volatile("sfence.vma" : : : "memory");
  csr_write(satp, SATP_SV39 | (u64)tables[0] >> 12);
  asm volatile("sfence.vma" : : : "memory");
}
