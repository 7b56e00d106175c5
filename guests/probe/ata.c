// ATA/ATAPI-6, "I/O register descriptions", "IDENTIFY DEVICE", "SET FEATURES", "READ DMA", "WRITE DMA", "FLUSH CACHE" and their EXT
// forms; Programming Interface for Bus Master IDE Controller 1.0 (SFF-8038i), "Standard Programming Sequence". Device 0 of the primary
// channel, one command at a time.
#include "ata.h"
#include "lib.h"
#include "plic.h"
#include "timer.h"

enum { DATA = 0, ERROR = 1, FEATURES = 1, COUNT_REGISTER = 2, LBA_LOW = 3, DEVICE = 6, STATUS = 7, COMMAND = 7 };
enum { COMMAND_BAR = 0, CONTROL_BAR = 1, BUS_MASTER_BAR = 4, CONTROL = 2 };
enum { STATUS_ERR = 0x01, STATUS_DRQ = 0x08, STATUS_DF = 0x20, STATUS_BSY = 0x80 };
enum { CONTROL_NO_INTERRUPT = 0x02, CONTROL_RESET = 0x04, DEVICE_LBA = 0x40 };
enum { READ_DMA = 0xc8, READ_DMA_EXT = 0x25, WRITE_DMA = 0xca, WRITE_DMA_EXT = 0x35, FLUSH = 0xe7, FLUSH_EXT = 0xea };
enum { IDENTIFY = 0xec, SET_FEATURES = 0xef, SET_TRANSFER_MODE = 0x03, ULTRA_DMA = 0x40 };
/** Bus master registers. */
enum { BM_COMMAND = 0, BM_STATUS = 2, BM_TABLE = 4 };
enum { BM_ACTIVE = 0x01, BM_START = 0x01, BM_TO_MEMORY = 0x08, BM_ERROR = 0x02, BM_INTERRUPT = 0x04 };
enum { SECTOR = 512, WORDS = 256, REGION = 0x10000, TABLE_ENTRIES = 512, LONG_BIT = 10 };
/** Status of a request that the bus master couldn't serve; others are the disk's error register with ERR or DF above it. */
enum { STATUS_BUS_MASTER = 0x10002 };
#define LAST_REGION 0x80000000u
#define SHORT_SECTORS (1ul << 28)
#define RESET_MS 1000

struct region {
  u32 address, count;  // in bytes, 0 for 64 KiB
};

/** A page, so that it crosses no boundary and is contiguous wherever the guest lies. */
static struct region table[TABLE_ENTRIES] __attribute__((aligned(4096)));

static struct {
  u64 registers, control, bus_master;
  const struct dma_map *map;
  u64 table_bus;
  bool long_addresses;
  struct request *queue[MAX_DEPTH];  // submitted and not yet told the disk
  u32 head, tail;
  struct request *current;
  u16 modes;                         // Ultra DMA modes that the disk has
  struct block_device device;
} ata;

static bool wait_idle(void) {
  const u64 deadline = time_now() + time_from_ms(RESET_MS);
  do {
    if (!(mmio_read8(ata.control + CONTROL) & STATUS_BSY)) return true;
  } while (time_now() < deadline);
  return print("ata: BSY stays\n"), false;
}

/** Software reset: what hangs is given up. */
static bool reset(u8 control) {
  mmio_write8(ata.bus_master + BM_COMMAND, 0);
  mmio_write8(ata.control + CONTROL, CONTROL_RESET | control);
  const u64 held = time_now() + time_from_ms(1);
  while (time_now() < held) {
  }
  mmio_write8(ata.control + CONTROL, control);
  return wait_idle();
}

static void put(u32 at, u32 value) { mmio_write8(ata.registers + at, value); }

static void set_address(u64 lba) {
  for (u32 i = 0; i < 3; i++) put(LBA_LOW + i, lba >> 8 * i & 0xff);
}

/** Where the request's bytes are, as regions that cross no 64 KiB boundary; false when there is no address for them. */
static bool describe(const struct request *request) {
  u64 bus = 0, mapped = 0;  // `mapped`: end of the piece that the last call covered
  u32 n = 0;
  for (u64 done = 0; done < request->length;) {
    if (request->forged) bus = request->forged_address + done, mapped = request->length;
    if (done >= mapped) {
      const u64 piece = MIN(ata.map->chunk, request->length - done);
      if (!ata.map->address(request->buffer + done, piece, &bus)) return false;
      mapped = done + piece;
    }
    const u64 bytes = MIN(mapped - done, REGION - bus % REGION);
    if (bus >> 32 || n == TABLE_ENTRIES) return false;
    table[n++] = (struct region){.address = (u32)bus, .count = (u32)bytes & 0xffff};
    done += bytes;
    bus += bytes;
  }
  table[n - 1].count |= LAST_REGION;
  return true;
}

/** Tells the disk what to do, in 28 bits where they are enough. */
static void command(u8 code, u8 long_code, u64 lba, u64 sectors) {
  const bool fits = lba + sectors <= SHORT_SECTORS && sectors <= 256;
  if (fits || !ata.long_addresses) {
    put(COUNT_REGISTER, sectors & 0xff);
    set_address(lba);
    put(DEVICE, DEVICE_LBA | (lba >> 24 & 15));
    put(COMMAND, code);
    return;
  }
  put(COUNT_REGISTER, sectors >> 8 & 0xff);
  set_address(lba >> 24);
  put(COUNT_REGISTER, sectors & 0xff);
  set_address(lba);
  put(DEVICE, DEVICE_LBA);
  put(COMMAND, long_code);
}

static void begin(const struct request *request) {
  const bool read = request->operation == OPERATION_READ;
  const u8 direction = read ? BM_TO_MEMORY : 0;
  barrier_before_doorbell();
  mmio_write32(ata.bus_master + BM_TABLE, (u32)ata.table_bus);
  mmio_write8(ata.bus_master + BM_COMMAND, direction);
  command(read ? READ_DMA : WRITE_DMA, read ? READ_DMA_EXT : WRITE_DMA_EXT, request->offset / SECTOR,
          request->length / SECTOR);
  mmio_write8(ata.bus_master + BM_COMMAND, direction | BM_START);
}

/** Gives the disk the next request; with interrupts disabled, or where there are none. */
static void start_next(void) {
  while (!ata.current && ata.head != ata.tail) {
    struct request *request = ata.queue[ata.head++ % MAX_DEPTH];
    if (request->operation == OPERATION_FLUSH) {
      ata.current = request;
      put(COMMAND, ata.long_addresses ? FLUSH_EXT : FLUSH);
    } else if (!describe(request)) {
      block_complete(request, STATUS_UNMAPPED);
    } else {
      ata.current = request;
      begin(request);
    }
  }
}

/** The current request is over. */
static void finish(u8 bus_master) {
  struct request *request = ata.current;
  u32 status = STATUS_SUCCESS;
  if (request->operation != OPERATION_FLUSH) mmio_write8(ata.bus_master + BM_COMMAND, 0);
  const u8 disk = mmio_read8(ata.registers + STATUS);
  if (disk & (STATUS_ERR | STATUS_DF)) status = (u32)(disk & (STATUS_ERR | STATUS_DF)) << 8 | mmio_read8(ata.registers + ERROR);
  else if (bus_master & BM_ERROR || disk & (STATUS_BSY | STATUS_DRQ)) status = STATUS_BUS_MASTER;
  mmio_write8(ata.bus_master + BM_STATUS, bus_master | BM_ERROR | BM_INTERRUPT);
  // a controller that was reset while its registers were written knows no table
  if (status == STATUS_BUS_MASTER && block_retry(request)) return;
  if (status == STATUS_BUS_MASTER) reset(0);
  barrier_after_flag();
  ata.current = NULL;
  block_complete(request, status);
}

static bool poll(void) {
  const u8 status = mmio_read8(ata.bus_master + BM_STATUS);
  if (!(status & (BM_INTERRUPT | BM_ERROR))) return false;
  if (ata.current) finish(status);
  else mmio_write8(ata.bus_master + BM_STATUS, status);
  start_next();
  return true;
}

static void submit(struct request *request) { ata.queue[ata.tail++ % MAX_DEPTH] = request; }

static void kick(void) {
  interrupts_disable();
  if (ata.current && ata.current->state == STATE_LOST) {
    reset(0);
    ata.current = NULL;
  }
  start_next();
  interrupts_enable();
}

/** IDENTIFY DEVICE without interrupts: its words, or false. */
static bool identify(u16 *words) {
  put(DEVICE, DEVICE_LBA);
  put(COMMAND, IDENTIFY);
  if (!wait_idle()) return false;
  const u8 status = mmio_read8(ata.registers + STATUS);
  if (status & STATUS_ERR || !(status & STATUS_DRQ)) return print("ata: no disk, status 0x%x\n", status), false;
  for (u32 i = 0; i < WORDS; i++) words[i] = mmio_read16(ata.registers + DATA);
  return true;
}

/** Chooses the highest Ultra DMA mode that the disk has, up to 5. */
static bool set_transfer_mode(u16 modes) {
  u32 mode = 5;
  while (mode && !(modes >> mode & 1)) mode--;
  put(FEATURES, SET_TRANSFER_MODE);
  put(COUNT_REGISTER, ULTRA_DMA | mode);
  put(COMMAND, SET_FEATURES);
  if (!wait_idle()) return false;
  const u8 status = mmio_read8(ata.registers + STATUS);
  if (status & STATUS_ERR) return print("ata: no Ultra DMA mode %u\n", mode), false;
  return true;
}

static bool set_up_disk(void) {
  static u16 words[WORDS];
  if (!reset(CONTROL_NO_INTERRUPT) || !identify(words)) return false;
  char model[41];
  for (u32 i = 0; i < 40; i++) model[i] = words[27 + i / 2] >> (i & 1 ? 0 : 8) & 0xff;
  model[40] = 0;
  for (u32 n = 40; n && model[n - 1] == ' ';) model[--n] = 0;
  u64 sectors = words[60] | (u64)words[61] << 16;
  ata.long_addresses = words[83] >> LONG_BIT & 1;
  if (ata.long_addresses) sectors = words[100] | (u64)words[101] << 16 | (u64)words[102] << 32 | (u64)words[103] << 48;
  if (!(words[49] & 0x100) || !sectors) return print("ata: no DMA\n"), false;
  ata.modes = words[88];
  if (!set_transfer_mode(ata.modes)) return false;
  ata.device.capacity = sectors * SECTOR;
  ata.device.block_size = SECTOR;
  ata.device.max_transfer = ata.long_addresses ? MAX_REQUEST : 256 * SECTOR;
  ata.device.depth = MAX_DEPTH;
  print("ata: \"%s\", %s, up to %u bytes a command, addresses: %s\n", model,
        ata.long_addresses ? "48-bit addresses" : "28-bit addresses", ata.device.max_transfer, ata.map->name);
  return true;
}

/** Whether the disk works on the current request, or has something to say of it. */
static bool alive(void) {
  const u8 disk = mmio_read8(ata.control + CONTROL), master = mmio_read8(ata.bus_master + BM_STATUS);
  return !ata.current || disk & (STATUS_BSY | STATUS_DRQ) || master & (BM_ACTIVE | BM_INTERRUPT | BM_ERROR);
}

/** Software reset, and nothing told the disk. */
static bool recover(void) {
  interrupts_disable();
  ata.current = NULL;
  ata.head = ata.tail;
  const bool good = reset(CONTROL_NO_INTERRUPT) && set_transfer_mode(ata.modes);
  mmio_write8(ata.bus_master + BM_STATUS, BM_ERROR | BM_INTERRUPT);
  mmio_write8(ata.control + CONTROL, 0);
  interrupts_enable();
  return good;
}

static const char *status_name(u32 status) {
  if (status == STATUS_BUS_MASTER) return "bus-master-error";
  if (status & 0x04) return "command-aborted";
  if (status & 0x10) return "lba-out-of-range";
  if (status & 0x40) return "unrecovered-error";
  return "device-error";
}

struct block_device *ata_start(const struct pci_function *function, const struct dma_map *map) {
  ata.registers = function->ports[COMMAND_BAR];
  ata.control = function->ports[CONTROL_BAR];
  ata.bus_master = function->ports[BUS_MASTER_BAR];
  ata.map = map;
  if (!ata.registers || !ata.control || !ata.bus_master) return print("ata: its BARs aren't those of native mode\n"), NULL;
  if (!map->address(table, sizeof table, &ata.table_bus) || ata.table_bus >> 32)
    return print("ata: no address for the table\n"), NULL;
  // a disk that was reset meanwhile gets another chance
  for (u32 tries = 0; !set_up_disk(); tries++)
    if (tries == 2) return NULL;
  if (!block_polling() && !plic_enable(function->source, poll)) return print("ata: no interrupt\n"), NULL;
  mmio_write8(ata.bus_master + BM_STATUS, BM_ERROR | BM_INTERRUPT);
  mmio_write8(ata.control + CONTROL, 0);
  ata.device.driver = "ata";
  ata.device.submit = submit;
  ata.device.kick = kick;
  ata.device.poll = poll;
  ata.device.alive = alive;
  ata.device.recover = recover;
  ata.device.status_name = status_name;
  return &ata.device;
}
