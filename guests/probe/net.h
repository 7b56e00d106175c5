// A network interface as the stack sees it, and the stack: Ethernet, ARP, IPv4, UDP, one address of its own.
#pragma once
#include "kernel.h"

/** Slots of frames to send: NET_DEPTH for the workload, one for ARP. */
enum { NET_DEPTH = 64, NET_SLOTS = 65, NET_BUFFER = 2048, NET_HEADROOM = 66, NET_FRAME = 1514, NET_PAIRS = 2,
       NET_MESSAGE = 64 * 1024 };
/** Most bytes of data in a datagram that isn't fragmented, what lies before them in a frame, and the number that they begin with:
 *  behind it, a frame to send is aligned to 8. */
enum { UDP_MOST = 1472, UDP_DATA = 42, UDP_NUMBER = 4 };
/** The peer's services: what comes is sent back, dropped, given, counted (RFC 862, RFC 863; the others are our own), stored. */
enum { PORT_ECHO = 7, PORT_SINK = 9, PORT_SOURCE = 5002, PORT_COUNT = 5003, PORT_STORE = 5004 };

struct net_device {
  const char *driver;
  u8 mac[6];
  u32 pairs;                // queue pairs, where there are several
  u64 received[NET_PAIRS];  // frames, by pair
  /** Queues the frame of `slot` (`length` bytes, headers of all layers complete); false when it can't be reached by DMA. */
  bool (*submit)(u32 slot, u32 length);
  /** Tells the device about what was queued since. */
  void (*kick)(void);
  /** Hands what has come to `net_received` and what has left to `net_sent`; true when there was any. */
  bool (*poll)(void);
  /** Asks for an interrupt when a frame comes, or (with `sent`) also when some have left; true when there is one already. */
  bool (*arm)(bool sent);
  /** Whether the device does anything; resets it, with nothing queued. NULL where it can't fail. */
  bool (*alive)(void);
  bool (*recover)(void);
};

enum { NET_RECEIVES = 128 };

/** Maps the frames to send and buffers for those received, above the kernel as all I/O buffers; before any driver. Their end. */
u64 net_buffers(bool large_pages);
/** For drivers: buffer `index` of NET_RECEIVES for a frame to come, NET_BUFFER bytes. */
u8 *net_receive_buffer(u32 index);
/** For drivers: the frame to send in `slot`; NET_HEADROOM bytes before it are the driver's. */
u8 *net_frame(u32 slot);
/** For drivers: the frame of `slot` has left. */
void net_sent(u32 slot);
/** For drivers: a frame has come; valid during the call. Without a byte of it where the device failed to write it. */
void net_received(const u8 *frame, u32 length);

/** What of a driver's a hostile one names a wrong address for. */
enum net_place { PLACE_NONE, PLACE_RECEIVE, PLACE_RECEIVE_RING, PLACE_SEND, PLACE_SEND_RING };
/** From now on `address` is what the device is given for `place`. */
void net_forge(enum net_place place, u64 address);
/** For drivers: the address to give the device for `place`: `bus`, unless it is forged. */
u64 net_bus(enum net_place place, u64 bus);

struct net_counters {
  u64 sent, received;     // frames
  u64 failed;             // of those received: whose buffer the device couldn't write
  u64 malformed;          // frames that are no Ethernet, or IPv4 and UDP with a wrong length or checksum
};

/** Takes a datagram from `port` of the peer. */
typedef void (*datagram_handler)(u16 port, const u8 *data, u32 length);

/** Addresses 10.0.2.`host` and the peer's, 10.0.2.2. Again after the driver was started again: what was queued is forgotten. */
void net_start(struct net_device *device, u8 host, bool polling, datagram_handler handler);
/** From now on a device that fails is reset: looks for that every `period` of `time` while somebody waits. */
void net_recover(u64 period);
/** Resets so far. */
u64 net_resets(void);
/** Asks for the peer's MAC address; false when it doesn't answer within `timeout` of `time`. */
bool net_resolve(u64 timeout);
/** Makes the frame of `slot` a datagram to `port` of the peer: a number, and `length` bytes of data, which are copied. */
void net_prepare(u32 slot, u16 port, const u8 *data, u32 length);
/** Writes the big-endian number at the beginning of a prepared datagram and brings the checksum up to date. */
void net_number(u32 slot, u32 number);
/** Sends the datagram of `slot`, which must be idle; the device is told by its `kick`. False when it can't. */
bool net_send(u32 slot);
bool net_busy(u32 slot);
/** For a wait for more than the network: asks for an interrupt; true when it is there already. */
bool net_arm(bool sent);
/** Sleeps (or polls) until something came, or (with `sent`) left, or the clock ticks. */
void net_wait(bool sent);
struct net_counters net_counters(void);

/** What the source is asked for: datagrams, bytes of each, but `last` bytes of those whose number + 1 `every` divides. */
struct net_wish {
  u32 count, bytes, every, last;
};

/** Asks the source for datagrams from number `first` on, by the frame of `slot`, which must be idle. False when it can't. */
bool net_ask_source(u32 slot, u32 first, struct net_wish wish);

struct net_count {
  u64 datagrams, bytes;
};

/** Asks the peer what has come to `port` from here. Slot 0 must be idle, and the handler pass on what comes from PORT_COUNT.
 *  False when there is no answer within `timeout` of `time`. */
bool net_ask_count(u16 port, u64 timeout, struct net_count *count);
void net_take_count(const u8 *data, u32 length);

/** 32 bits, big-endian, at any address. */
static inline u32 get_be32(const u8 *at) { return (u32)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]; }
static inline void put_be32(u8 *at, u32 value) { at[0] = value >> 24, at[1] = value >> 16, at[2] = value >> 8, at[3] = value; }
