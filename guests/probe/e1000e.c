// Intel 82574 GbE Controller Family Datasheet 3.4: "Initialization", "Legacy Transmit Descriptor Format", "Extended Rx
// Descriptor", "Interrupts" (a line, masked by reading its cause).
#include "e1000e.h"
#include "lib.h"
#include "plic.h"
#include "timer.h"

enum { CTRL = 0x0000, STATUS = 0x0008, CTRL_EXT = 0x0018, ICR = 0x00c0, ITR = 0x00c4, IMS = 0x00d0, IMC = 0x00d8,
       IAM = 0x00e0, RCTL = 0x0100, TCTL = 0x0400, TIPG = 0x0410, RDBAL = 0x2800, RDT = 0x2818,
       TDBAL = 0x3800, TDT = 0x3818, RFCTL = 0x5008, MTA = 0x5200,
       RAL = 0x5400, RAH = 0x5404 };
enum { LENGTH = 0x08, HEAD = 0x10, TAIL = 0x18 };  // from a ring's base register
enum { CTRL_ASDE = 1 << 5, CTRL_SLU = 1 << 6, CTRL_RST = 1 << 26, STATUS_LU = 2, CTRL_EXT_IAME = 1 << 27 };
enum { RCTL_EN = 1 << 1, RCTL_BAM = 1 << 15, RCTL_SECRC = 1 << 26, RFCTL_EXSTEN = 1 << 15 };  // buffers of 2048 bytes
enum { TCTL_EN = 1 << 1, TCTL_PSP = 1 << 3, TCTL_CT = 15 << 4, TCTL_COLD = 63 << 12, TIPG_COPPER = 0x00602008 };
enum { CAUSES = 1 << 0 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 7 };  // TXDW, LSC, RXDMT0, RXO, RXT0
enum { EOP = 1, IFCS = 2, RS = 8, DD = 1, MTA_WORDS = 128 };
#define RXE (1u << 31)
enum { ENTRIES = NET_RECEIVES, REFILL = 16, RESET_MS = 100, LINK_MS = 5000, ITR_UNIT = 256 };

struct transmit_descriptor {
  u64 address;
  u16 length;
  u8 checksum_offset, command;
  volatile u8 status;
  u8 checksum_start;
  u16 vlan;
};

/** As the driver gives it: address, and zero; as the device gives it back: words[2] is the status, words[3] the length. */
union receive_descriptor {
  struct {
    u64 address, zero;
  } read;
  volatile u32 words[4];
};

static struct transmit_descriptor transmits[ENTRIES] __attribute__((aligned(4096)));
static union receive_descriptor receives[ENTRIES] __attribute__((aligned(4096)));

static struct {
  u64 registers;
  const struct dma_map *map;
  u32 tail, clean;             // transmit: next free, next to be done
  u8 slots[ENTRIES];           // of the frames in the transmit ring
  u32 next, filled;            // receive: next to come, next to be given back
  u64 interrupt_rate;
  struct net_device device;
} nic;

static u32 get(u32 offset) { return mmio_read32(nic.registers + offset); }
static void set(u32 offset, u32 value) { mmio_write32(nic.registers + offset, value); }

static bool submit(u32 slot, u32 length) {
  u64 bus;
  if (!nic.map->address(net_frame(slot), length, &bus)) return false;
  transmits[nic.tail] = (struct transmit_descriptor){.address = net_bus(PLACE_SEND, bus), .length = length, .command = EOP | IFCS | RS};
  nic.slots[nic.tail] = slot;
  nic.tail = (nic.tail + 1) % ENTRIES;
  return true;
}

static void kick(void) {
  barrier_before_doorbell();
  set(TDT, nic.tail);
}

/** Makes the descriptors from `filled` on the device's again, but for the one that keeps a full ring from an empty one. */
static bool refill(u32 count) {
  for (; count; count--) {
    u64 bus;
    if (!nic.map->address(net_receive_buffer(nic.filled), NET_BUFFER, &bus)) return false;
    receives[nic.filled].read.address = net_bus(PLACE_RECEIVE, bus);
    receives[nic.filled].read.zero = 0;
    nic.filled = (nic.filled + 1) % ENTRIES;
  }
  barrier_before_doorbell();
  set(RDT, nic.filled);
  return true;
}

static bool sent_any(void) { return nic.clean != nic.tail && transmits[nic.clean].status & DD; }
static bool received_any(void) { return receives[nic.next].words[2] & DD; }

static bool poll(void) {
  bool any = false;
  for (u32 n = 0; n < ENTRIES && sent_any(); n++, any = true) {
    net_sent(nic.slots[nic.clean]);
    nic.clean = (nic.clean + 1) % ENTRIES;
  }
  for (u32 n = 0; n < ENTRIES && received_any(); n++, any = true) {
    barrier_after_flag();
    const bool failed = receives[nic.next].words[2] & RXE;
    const u32 length = receives[nic.next].words[3] & 0xffff;
    net_received(net_receive_buffer(nic.next), failed ? 0 : MIN(length, (u32)NET_BUFFER));
    receives[nic.next].words[2] = 0;
    nic.next = (nic.next + 1) % ENTRIES;
    if ((nic.next - nic.filled + ENTRIES) % ENTRIES > REFILL) refill(REFILL);
  }
  return any;
}

static bool arm(bool sent) {
  set(IMS, CAUSES);
  barrier_full();
  return received_any() || (sent && sent_any());
}

/** Only wakes whoever waits: reading the cause has masked it, until `arm`. */
static bool on_interrupt(void) { return get(ICR); }

static bool wait_for(u32 offset, u32 mask, u32 value, u64 ms) {
  const u64 deadline = time_now() + time_from_ms(ms);
  while ((get(offset) & mask) != value)
    if (time_now() > deadline) return false;
  return true;
}

static bool reset(void) {
  set(IMC, ~0u);
  set(RCTL, 0);
  set(TCTL, TCTL_PSP);
  set(CTRL, get(CTRL) | CTRL_RST);
  if (!wait_for(CTRL, CTRL_RST, 0, RESET_MS)) return print("e1000e: reset doesn't end\n"), false;
  set(IMC, ~0u);
  get(ICR);
  return true;
}

static bool set_ring(u32 base, enum net_place place, void *ring, u32 bytes) {
  u64 bus;
  memset(ring, 0, bytes);
  if (!nic.map->address(ring, bytes, &bus)) return print("e1000e: the translation service refuses\n"), false;
  bus = net_bus(place, bus);
  set(base, (u32)bus);
  set(base + 4, (u32)(bus >> 32));
  set(base + LENGTH, bytes);
  set(base + HEAD, 0);
  set(base + TAIL, 0);
  return true;
}

/** From a reset to rings that are at work. */
static bool bring_up(void) {
  nic.tail = nic.clean = nic.next = nic.filled = 0;
  if (!reset()) return false;
  set(RFCTL, RFCTL_EXSTEN);
  for (u32 i = 0; i < MTA_WORDS; i++) set(MTA + 4 * i, 0);
  set(CTRL_EXT, get(CTRL_EXT) | CTRL_EXT_IAME);
  set(IAM, CAUSES);
  if (nic.interrupt_rate) set(ITR, MIN(1000000000 / ITR_UNIT / nic.interrupt_rate, 0xfffful));
  set(CTRL, get(CTRL) | CTRL_SLU | CTRL_ASDE);
  if (!set_ring(RDBAL, PLACE_RECEIVE_RING, receives, sizeof receives) ||
      !set_ring(TDBAL, PLACE_SEND_RING, transmits, sizeof transmits))
    return false;
  set(TIPG, TIPG_COPPER);
  set(TCTL, TCTL_EN | TCTL_PSP | TCTL_CT | TCTL_COLD);
  set(RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC);
  return refill(ENTRIES - 1) || (print("e1000e: the translation service refuses\n"), false);
}

/** What was set first and what was set last: a controller that was reset, at whatever moment, lacks one of them. */
static bool alive(void) { return get(RFCTL) & RFCTL_EXSTEN && get(RCTL) & RCTL_EN; }

struct net_device *e1000e_start(const struct pci_function *function, const struct dma_map *map,
                                const struct options *options) {
  nic.registers = function->bar0;
  nic.map = map;
  nic.interrupt_rate = options->interrupt_rate;
  if (!options->polling && !plic_enable(function->source, on_interrupt)) return print("e1000e: no interrupt\n"), NULL;
  if (!bring_up()) return NULL;
  const u32 low = get(RAL), high = get(RAH);
  nic.device = (struct net_device){
    .driver = "e1000e", .mac = {low, low >> 8, low >> 16, low >> 24, high, high >> 8}, .submit = submit, .kick = kick,
    .poll = poll, .arm = arm, .alive = alive, .recover = bring_up};
  if (!wait_for(STATUS, STATUS_LU, STATUS_LU, LINK_MS)) return print("e1000e: no link\n"), NULL;
  const u8 *mac = nic.device.mac;
  print("e1000e: %02x:%02x:%02x:%02x:%02x:%02x, STATUS 0x%x, addresses: %s\n", mac[0], mac[1], mac[2], mac[3], mac[4],
        mac[5], get(STATUS), map->name);
  return &nic.device;
}
