// A hostile or faulty network driver: buffers and rings at addresses that aren't the guest's to name. Each attack has the
// driver started anew with one address forged, and asks the peer for answers: the device then writes to buffers and rings
// for what comes, and reads those for what leaves. Afterwards an honest start and an honest exchange.
#include "lib.h"
#include "timer.h"
#include "workload.h"

enum { FRAMES = 4, PATIENCE_MS = 10 };
enum { DONE, FAILED, NO_ANSWER = STATUS_TIMEOUT };

static const char *const statuses[] = {"success", "error"};
static u32 answers;

static void on_datagram(u16 port, const u8 *data, u32 length) {
  (void)data, (void)length;
  answers += port == PORT_ECHO;
}

/** Sends echo requests of `bytes` and waits until answers to all have come, or for long enough. */
static void exchange(struct net_device *device, u32 bytes) {
  static u8 data[UDP_MOST];
  answers = 0;
  for (u32 slot = 0; slot < FRAMES; slot++) {
    net_prepare(slot, PORT_ECHO, data, bytes - UDP_NUMBER);
    net_number(slot, slot);
    net_send(slot);
  }
  device->kick();
  const u64 deadline = time_now() + time_from_ms(PATIENCE_MS);
  while (answers < FRAMES && time_now() < deadline)
    if (!device->poll()) net_wait(true);
}

static void report(const struct options *o, u64 address, const char *operation, u32 bytes, u32 status) {
  print("yado-attack kind=%s address=0x%lx op=%s bytes=%u status=%s code=0x%x\n", o->attack, address, operation, bytes,
        status == (u32)NO_ANSWER ? "no-answer" : statuses[status], status);
}

/** Starts the driver with `place` forged. */
static struct net_device *start(const struct options *o, struct net_device *(*restart)(void), enum net_place place,
                                u64 address) {
  net_forge(place, address);
  struct net_device *device = restart();
  if (device) net_start(device, o->host, o->polling, on_datagram);
  return device;
}

/** What the driver was told of its frames: that they came or left, that they failed, or nothing. */
static u32 outcome(bool receives, struct net_counters before) {
  const struct net_counters now = net_counters();
  const u64 frames = receives ? now.received - before.received : now.sent - before.sent;
  if (receives && frames && now.failed - before.failed == frames) return FAILED;
  return frames ? DONE : NO_ANSWER;
}

static bool attack(const struct options *o, struct net_device *(*restart)(void), enum net_place place, u64 address) {
  static const char *const names[] = {"none", "receive", "receive-ring", "send", "send-ring"};
  const u32 bytes = MIN(o->bs, (u64)UDP_MOST);
  struct net_device *device = start(o, restart, place, address);
  const struct net_counters before = net_counters();
  if (device) exchange(device, bytes);
  report(o, address, names[place], bytes, outcome(place == PLACE_RECEIVE || place == PLACE_RECEIVE_RING, before));
  device = start(o, restart, PLACE_NONE, 0);
  if (device) exchange(device, bytes);
  const bool alive = device && answers == FRAMES;
  report(o, address, "check", bytes, alive ? DONE : NO_ANSWER);
  return alive;
}

bool attack_net(const struct options *o, struct net_device *device, struct net_device *(*restart)(void)) {
  bool alive = true;
  if (!o->attack_count) panic("probe: attack=%s needs attack-address=", o->attack);
  timer_start(time_from_ms(1));
  net_start(device, o->host, o->polling, on_datagram);
  net_resolve(time_from_ms(PATIENCE_MS));
  for (u32 i = 0; i < o->attack_count; i++)
    for (enum net_place place = PLACE_RECEIVE; place <= PLACE_SEND_RING; place++) {
      const bool receives = place <= PLACE_RECEIVE_RING;
      if (receives ? o->attack_read : o->attack_write) alive = attack(o, restart, place, o->attack_addresses[i]);
    }
  return alive;
}
