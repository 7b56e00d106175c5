// IEEE 802.3, "MAC frame and packet specifications"; RFC 826 (ARP), RFC 791 (IPv4, "Internet Header Format"),
// RFC 768 (UDP), RFC 1071 (the checksum) and RFC 1624 (its update).
#include "net.h"
#include "lib.h"
#include "paging.h"

enum { ETHERNET = 14, IP = 20, UDP = 8, TYPE_ARP = 0x0806, TYPE_IPV4 = 0x0800, PROTOCOL_UDP = 17 };
enum { ARP_BYTES = 28, ARP_REQUEST = 1, ARP_REPLY = 2, ARP_SLOT = NET_DEPTH, SHORTEST = 60 };
enum { OUR_PORT = 40000, TTL = 64, DONT_FRAGMENT = 0x4000 };
#define NETWORK 0x0a000200u
#define PEER (NETWORK | 2)

static struct {
  struct net_device *device;
  datagram_handler handler;
  bool polling;
  u32 address;
  u8 peer_mac[6];
  volatile bool resolved;
  struct {
    u32 length;     // of the frame
    u32 checksum;   // of the datagram without the number that it begins with
    bool busy;
  } slots[NET_SLOTS];
  struct net_counters counters;
  enum net_place forged;
  u64 forged_address;
} net;

static u32 get16(const u8 *at) { return at[0] << 8 | at[1]; }
static void put16(u8 *at, u32 value) { at[0] = value >> 8, at[1] = value; }

u64 net_buffers(bool large_pages) {
  const u64 bytes = ALIGN_UP((NET_RECEIVES + NET_SLOTS) * NET_BUFFER, large_pages ? 2 * MIB : PAGE);
  paging_map(BUFFERS_START, bytes, MAP_R | MAP_W, large_pages);
  return BUFFERS_START + bytes;
}

u8 *net_receive_buffer(u32 index) { return (u8 *)BUFFERS_START + index * NET_BUFFER; }
u8 *net_frame(u32 slot) { return net_receive_buffer(NET_RECEIVES + slot) + NET_HEADROOM; }
bool net_busy(u32 slot) { return net.slots[slot].busy; }
struct net_counters net_counters(void) { return net.counters; }

void net_forge(enum net_place place, u64 address) { net.forged = place, net.forged_address = address; }
u64 net_bus(enum net_place place, u64 bus) { return net.forged == place ? net.forged_address : bus; }

void net_sent(u32 slot) {
  if (slot >= NET_SLOTS) return;
  net.slots[slot].busy = false;
  net.counters.sent++;
}

/** Sum of the big-endian 16-bit words of [at, at + length), `at` being even; not folded. */
static u64 sum(const u8 *at, u32 length) {
  // The sum of words in the other byte order is the sum with its bytes exchanged ("Byte Order Independence").
  u64 total = 0;
  u32 i = 0;
  for (; i + 8 <= length; i += 8) {
    const u32 *words = (const u32 *)(at + i);
    total += (u64)words[0] + words[1];
  }
  for (; i + 2 <= length; i += 2) total += at[i] | at[i + 1] << 8;
  if (i < length) total += at[i];
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return (total & 0xff) << 8 | total >> 8;
}

static u32 fold(u64 total) {
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return ~total & 0xffff;
}

static u64 pseudo_header(u32 source, u32 destination, u32 length) {
  return (u64)(source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff) + PROTOCOL_UDP + length;
}

static void put_ethernet(u8 *frame, const u8 *to, u32 type) {
  memcpy(frame, to, 6);
  memcpy(frame + 6, net.device->mac, 6);
  put16(frame + 12, type);
}

static bool send_frame(u32 slot) {
  net.slots[slot].busy = true;
  if (net.device->submit(slot, net.slots[slot].length)) return true;
  net.slots[slot].busy = false;
  return false;
}

/** One ARP packet at a time: another that finds the slot busy is lost, and will be asked for again. */
static void send_arp(u32 operation, const u8 *to_mac, u32 to) {
  static const u8 broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  if (net_busy(ARP_SLOT)) return;
  u8 *frame = net_frame(ARP_SLOT), *arp = frame + ETHERNET;
  memset(frame, 0, SHORTEST);
  put_ethernet(frame, operation == ARP_REPLY ? to_mac : broadcast, TYPE_ARP);
  put16(arp, 1);  // Ethernet
  put16(arp + 2, TYPE_IPV4);
  arp[4] = 6, arp[5] = 4;
  put16(arp + 6, operation);
  memcpy(arp + 8, net.device->mac, 6);
  put_be32(arp + 14, net.address);
  if (operation == ARP_REPLY) memcpy(arp + 18, to_mac, 6);
  put_be32(arp + 24, to);
  net.slots[ARP_SLOT].length = SHORTEST;
  if (send_frame(ARP_SLOT)) net.device->kick();
}

static void take_arp(const u8 *arp, u32 length) {
  if (length < ARP_BYTES || get16(arp) != 1 || get16(arp + 2) != TYPE_IPV4) return;
  const u32 operation = get16(arp + 6), sender = get_be32(arp + 14);
  if (get_be32(arp + 24) != net.address) return;
  if (sender == PEER) {
    memcpy(net.peer_mac, arp + 8, 6);
    net.resolved = true;
  }
  if (operation == ARP_REQUEST) send_arp(ARP_REPLY, arp + 8, sender);
}

/** False when it is malformed; what isn't for us or not from the peer is passed over. */
static bool take_ipv4(const u8 *ip, u32 length) {
  if (length < IP || ip[0] >> 4 != 4) return false;
  const u32 header = (ip[0] & 15) * 4, total = get16(ip + 2);
  if (header < IP || total > length || total < header || fold(sum(ip, header))) return false;
  const bool fragment = get16(ip + 6) & 0x3fff;
  if (fragment || ip[9] != PROTOCOL_UDP || get_be32(ip + 12) != PEER || get_be32(ip + 16) != net.address) return true;
  const u8 *udp = ip + header;
  const u32 bytes = get16(udp + 4);
  if (total - header < UDP || bytes < UDP || bytes > total - header) return false;
  if (get16(udp + 6) && fold(sum(udp, bytes) + pseudo_header(PEER, net.address, bytes))) return false;
  if (get16(udp + 2) == OUR_PORT) net.handler(get16(udp), udp + UDP, bytes - UDP);
  return true;
}

void net_received(const u8 *frame, u32 length) {
  net.counters.received++;
  if (length == 0) net.counters.failed++;
  if (length < ETHERNET) {
    net.counters.malformed++;
    return;
  }
  const u32 type = get16(frame + 12);
  if (type == TYPE_ARP) take_arp(frame + ETHERNET, length - ETHERNET);
  if (type == TYPE_IPV4 && !take_ipv4(frame + ETHERNET, length - ETHERNET)) net.counters.malformed++;
}

void net_start(struct net_device *device, u8 host, bool polling, datagram_handler handler) {
  net.device = device;
  net.address = NETWORK | host;
  net.polling = polling;
  net.handler = handler;
  for (u32 slot = 0; slot < NET_SLOTS; slot++) net.slots[slot].busy = false;
}

static struct {
  u64 period, next_look, resets;
} recovery;

void net_recover(u64 period) { recovery.period = period; }
u64 net_resets(void) { return recovery.resets; }

/** A device that was reset doesn't tell: it is just silent. What was queued is lost, as on a wire. */
static void look(void) {
  const u64 now = time_now();
  if (!recovery.period || !net.device->alive || now < recovery.next_look) return;
  recovery.next_look = now + recovery.period;
  if (net.device->alive()) return;
  recovery.resets++;
  print("probe: %s is reset\n", net.device->driver);
  net.device->recover();
  for (u32 slot = 0; slot < NET_SLOTS; slot++) net.slots[slot].busy = false;
}

bool net_resolve(u64 timeout) {
  const u64 deadline = time_now() + timeout;
  u64 again = 0;
  while (!net.resolved && time_now() < deadline) {
    if (time_now() >= again) {
      send_arp(ARP_REQUEST, NULL, PEER);
      again = time_now() + timeout / 8;
    }
    if (!net.device->poll()) net_wait(false);
  }
  return net.resolved;
}

void net_prepare(u32 slot, u16 port, const u8 *data, u32 length) {
  u8 *frame = net_frame(slot), *ip = frame + ETHERNET, *udp = ip + IP;
  const u32 bytes = UDP + UDP_NUMBER + length;
  put_ethernet(frame, net.peer_mac, TYPE_IPV4);
  memset(ip, 0, IP + UDP);
  ip[0] = 0x45;
  put16(ip + 2, IP + bytes);
  put16(ip + 6, DONT_FRAGMENT);
  ip[8] = TTL;
  ip[9] = PROTOCOL_UDP;
  put_be32(ip + 12, net.address);
  put_be32(ip + 16, PEER);
  put16(ip + 10, fold(sum(ip, IP)));
  put16(udp, OUR_PORT);
  put16(udp + 2, port);
  put16(udp + 4, bytes);
  memset(udp + UDP, 0, UDP_NUMBER);
  memcpy(udp + UDP + UDP_NUMBER, data, length);
  net.slots[slot].checksum = sum(udp, bytes) + pseudo_header(net.address, PEER, bytes);
  net.slots[slot].length = ETHERNET + IP + bytes;
  for (u32 n = ETHERNET + IP + bytes; n < SHORTEST; n++) frame[n] = 0;
  if (net.slots[slot].length < SHORTEST) net.slots[slot].length = SHORTEST;
}

void net_number(u32 slot, u32 number) {
  u8 *udp = net_frame(slot) + ETHERNET + IP;
  put_be32(udp + UDP, number);
  const u32 checksum = fold(net.slots[slot].checksum + (number >> 16) + (number & 0xffff));
  put16(udp + 6, checksum ? checksum : 0xffff);
}

bool net_send(u32 slot) { return send_frame(slot); }

bool net_arm(bool sent) { return net.device->arm(sent); }

void net_wait(bool sent) {
  interrupts_disable();
  if (!net.polling && !net_arm(sent)) wait_for_interrupt();
  interrupts_enable();
  look();
}

bool net_ask_source(u32 slot, u32 first, struct net_wish wish) {
  u8 data[16];
  put_be32(data, wish.count);
  put_be32(data + 4, wish.bytes);
  put_be32(data + 8, wish.every);
  put_be32(data + 12, wish.last);
  net_prepare(slot, PORT_SOURCE, data, sizeof data);
  net_number(slot, first);
  return net_send(slot);
}

static struct {
  u32 asked, answered;
  struct net_count count;
} counting;

bool net_ask_count(u16 port, u64 timeout, struct net_count *count) {
  const u64 deadline = time_now() + timeout;
  u8 data[UDP_NUMBER];
  put_be32(data, port);
  for (u64 again = 0; counting.answered != counting.asked || !again;) {
    const u64 now = time_now();
    if (now >= deadline) return false;
    if (now >= again && !net_busy(0)) {
      net_prepare(0, PORT_COUNT, data, sizeof data);
      net_number(0, ++counting.asked);
      if (!net_send(0)) return false;
      net.device->kick();
      again = now + timeout / 8;
    }
    if (!net.device->poll()) net_wait(false);
  }
  *count = counting.count;
  return true;
}

void net_take_count(const u8 *data, u32 length) {
  if (length < 16 || get_be32(data) != counting.asked) return;
  counting.answered = counting.asked;
  counting.count = (struct net_count){get_be32(data + 4), (u64)get_be32(data + 8) << 32 | get_be32(data + 12)};
}
