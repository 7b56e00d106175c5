// The probe: a small S-mode kernel that measures I/O the way an operating system does it, driver and all.
#include "ata.h"
#include "e1000e.h"
#include "lib.h"
#include "nvme.h"
#include "paging.h"
#include "plic.h"
#include "sbi.h"
#include "timer.h"
#include "console.h"
#include "virtio.h"
#include "workload.h"

/** IDE: both channels native, which software may change or not. */
enum { IDE_NATIVE = 0x01018f, IDE_NATIVE_ONLY = 0x010185, NVME_CLASS = 0x010802, ETHERNET_CLASS = 0x020000 };
/** How often a wait for the serial line looks up. */
enum { UART_TICK_MS = 100 };

static struct machine machine;
static struct options options;

static void map_devices(void) {
  paging_map(machine.plic, MIN(machine.plic_size, 64 * MIB), MAP_R | MAP_W, true);
  if (machine.uart) paging_map(machine.uart, PAGE, MAP_R | MAP_W, false);
  for (u32 i = 0; i < machine.virtio_count; i++) paging_map(machine.virtio[i].base, PAGE, MAP_R | MAP_W, false);
}

static struct block_device *start_nvme(struct pci_function *function) {
  if (!pci_start(&machine, function)) return NULL;
  if (!same(options.driver, "nvme-service")) return nvme_start(function, &dma_identity);
  struct block_device *device = nvme_start(function, dma_service(options.service_chunk));
  if (device) device->driver = "nvme-service";
  return device;
}

static struct block_device *start_ata(struct pci_function *function) {
  if (!pci_start_ports(&machine, function)) return NULL;
  const bool serviced = same(options.driver, "ata-service");
  struct block_device *device = ata_start(function, serviced ? dma_service(options.service_chunk) : &dma_identity);
  if (device && serviced) device->driver = "ata-service";
  return device;
}

/** driver=auto: NVMe where there is a controller, else ATA, else virtio. */
static struct block_device *find_disk(const char **failure) {
  struct pci_function function;
  *failure = "no-disk";
  const bool either = same(options.driver, "auto");
  if ((either || starts_with(options.driver, "nvme")) && pci_find(&machine, NVME_CLASS, &function)) {
    *failure = "no-answer";
    return start_nvme(&function);
  }
  if ((either || starts_with(options.driver, "ata")) && (pci_find(&machine, IDE_NATIVE, &function) ||
                                                         pci_find(&machine, IDE_NATIVE_ONLY, &function))) {
    *failure = "no-answer";
    return start_ata(&function);
  }
  if (either || same(options.driver, "virtio")) return virtio_blk_start(&machine, &options);
  return NULL;
}

/** With buffers from `start` on. */
static struct block_device *start_disk(u64 start, const char **failure) {
  block_configure(options.timeout_ms, options.polling);
  struct block_device *device = find_disk(failure);
  if (!device) return NULL;
  print("probe: disk of %lu bytes, blocks of %u\n", device->capacity, device->block_size);
  buffers_init(&machine, &options, device, start);
  return device;
}

static bool run_io(void) {
  const char *failure;
  struct block_device *device = start_disk(BUFFERS_START, &failure);
  if (!device) return workload_without(&options, options.driver, failure);
  if (!same(options.attack, "none") && !attack_run(&options, device))
    return workload_without(&options, device->driver, "device-gone");
  if (same(options.workload, "none")) return workload_without(&options, device->driver, NULL);
  return workload_io(&options, device);
}

/** auto: the 82574L where there is one, else virtio. */
static struct net_device *find_nic(const char *driver, const char **failure) {
  static struct pci_function function;
  *failure = "no-nic";
  const bool either = same(driver, "auto"), serviced = same(driver, "e1000e-service");
  const bool started = function.bar0;
  if (started || ((either || starts_with(driver, "e1000e")) && pci_find(&machine, ETHERNET_CLASS, &function) &&
                  function.vendor == E1000E_VENDOR && function.device == E1000E_DEVICE)) {
    *failure = "no-answer";
    if (!started && !pci_start(&machine, &function)) return NULL;
    struct net_device *device =
      e1000e_start(&function, serviced ? dma_service(options.service_chunk) : &dma_identity, &options);
    if (device && serviced) device->driver = "e1000e-service";
    return device;
  }
  if (either || same(driver, "virtio")) return virtio_net_start(&machine, &options);
  return NULL;
}

static struct net_device *restart_nic(void) {
  const char *failure;
  return find_nic(options.driver, &failure);
}

static bool run_net(void) {
  net_buffers(options.large_pages);
  const char *failure;
  struct net_device *device = find_nic(options.driver, &failure);
  if (!device) return workload_without(&options, options.driver, failure);
  if (!same(options.attack, "none") && !attack_net(&options, device, restart_nic))
    return workload_without(&options, device->driver, "device-gone");
  if (same(options.workload, "net")) return workload_without(&options, device->driver, NULL);
  return workload_net(&options, device);
}

static bool run_file(void) {
  const char *failure;
  struct block_device *disk = start_disk(net_buffers(options.large_pages), &failure);
  if (!disk) return workload_without(&options, options.driver, failure);
  struct net_device *nic = find_nic(options.nic_driver, &failure);
  return nic ? workload_file(&options, disk, nic) : workload_without(&options, options.nic_driver, failure);
}

static bool run(void) {
  console_start(&machine, &options);
  if (console_interrupts()) timer_start(time_from_ms(UART_TICK_MS));
  print("probe: %lu MiB at 0x%lx, timer by %s\n", machine.memory_size / MIB, machine.memory_start,
        timer_is_sstc() ? "Sstc" : "SBI");
  print("probe: %s\n", machine.bootargs);
  const int good = workload_plain(&options);
  if (good >= 0) return good;
  if (same(options.workload, "netserve") || same(options.workload, "netsave")) return run_file();
  return starts_with(options.workload, "net") ? run_net() : run_io();
}

void kernel_main(u64 hart, u64 tree) {
  machine_read(&machine, tree, hart);
  paging_start();
  map_devices();
  console_early(&machine);
  options_read(&options, machine.bootargs);
  plic_init(machine.plic, machine.plic_context, machine.plic_sources);
  timer_init(machine.timebase, machine.sstc);
  sample_init();
  interrupts_enable();
  const bool good = run();
  timer_start(time_from_ms(UART_TICK_MS));
  console_drain();
  sbi_shutdown(good ? SRST_NO_REASON : SRST_SYSTEM_FAILURE);
}
