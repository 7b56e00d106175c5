// virtio 1.2, "Virtio Over MMIO": "MMIO Device Register Layout"; "Device Initialization".
#include "lib.h"
#include "trap.h"
#include "virtio.h"

enum { MAGIC_VALUE = 0x00, VERSION = 0x04, DEVICE_ID = 0x08, DEVICE_FEATURES = 0x10, DEVICE_FEATURES_SEL = 0x14,
       DRIVER_FEATURES = 0x20, DRIVER_FEATURES_SEL = 0x24, INTERRUPT_STATUS = 0x60, INTERRUPT_ACK = 0x64,
       STATUS = 0x70, CONFIG_GENERATION = 0xfc, CONFIG = 0x100 };
enum { MAGIC = 0x74726976, MODERN = 2 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, RESET_LOOKS = 100000 };

bool virtio_find(const struct machine *m, u32 id, struct virtio_device *found) {
  bool legacy = false;
  for (u32 i = 0; i < m->virtio_count; i++) {
    const u64 base = m->virtio[i].base;
    u32 magic;
    if (!probe_read32(base + MAGIC_VALUE, &magic) || magic != MAGIC || mmio_read32(base + DEVICE_ID) != id) continue;
    if (mmio_read32(base + VERSION) != MODERN) {
      legacy = true;
      continue;
    }
    *found = (struct virtio_device){.base = base, .source = m->virtio[i].source};
    return true;
  }
  if (legacy) print("virtio: only a legacy interface (version 1) is there\n");
  return false;
}

static u64 offered_features(u64 base) {
  u64 features = 0;
  for (u32 half = 0; half < 2; half++) {
    mmio_write32(base + DEVICE_FEATURES_SEL, half);
    features |= (u64)mmio_read32(base + DEVICE_FEATURES) << 32 * half;
  }
  return features;
}

bool virtio_negotiate(struct virtio_device *device, u64 wanted) {
  const u64 base = device->base;
  u32 looks = 0;
  mmio_write32(base + STATUS, 0);
  while (mmio_read32(base + STATUS) && looks < RESET_LOOKS) looks++;
  if (looks == RESET_LOOKS) return print("virtio: reset doesn't end\n"), false;
  mmio_write32(base + STATUS, ACKNOWLEDGE);
  mmio_write32(base + STATUS, ACKNOWLEDGE | DRIVER);
  device->features = offered_features(base) & wanted;
  if (!(device->features & VIRTIO_F_VERSION_1)) return print("virtio: VIRTIO_F_VERSION_1 isn't offered\n"), false;
  for (u32 half = 0; half < 2; half++) {
    mmio_write32(base + DRIVER_FEATURES_SEL, half);
    mmio_write32(base + DRIVER_FEATURES, (u32)(device->features >> 32 * half));
  }
  mmio_write32(base + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
  if (mmio_read32(base + STATUS) & FEATURES_OK) return true;
  return print("virtio: features 0x%lx refused\n", device->features), false;
}

void virtio_driver_ok(const struct virtio_device *device) {
  mmio_write32(device->base + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

u64 virtio_config(const struct virtio_device *device, u32 offset, u32 size) {
  // A field wider than a register is read again while the generation changes under it.
  u64 value;
  u32 generation, rounds = 0;
  do {
    generation = mmio_read32(device->base + CONFIG_GENERATION);
    value = mmio_read32(device->base + CONFIG + offset);
    if (size == 8) value |= (u64)mmio_read32(device->base + CONFIG + offset + 4) << 32;
  } while (mmio_read32(device->base + CONFIG_GENERATION) != generation && ++rounds < 100);
  return value;
}

bool virtio_acknowledge(const struct virtio_device *device) {
  const u32 status = mmio_read32(device->base + INTERRUPT_STATUS);
  if (status) mmio_write32(device->base + INTERRUPT_ACK, status);
  return status;
}
