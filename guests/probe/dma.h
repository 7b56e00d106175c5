// Which address a device must be given for a piece of the guest's memory.
#pragma once
#include "kernel.h"

struct dma_map {
  const char *name;
  /** Largest piece that one call may map. */
  u64 chunk;
  /** Bus address of [memory, memory + length), contiguous on the bus; false when there is none. */
  bool (*address)(const void *memory, u64 length, u64 *bus);
};

/** The bus sees guest-physical addresses: natively, behind an IOMMU, or where the VMM rewrites them. */
extern const struct dma_map dma_identity;
/** The VMM is asked for each piece through its SBI service. */
const struct dma_map *dma_service(u64 chunk);
/** Calls made to the service. */
u64 dma_service_calls(void);
