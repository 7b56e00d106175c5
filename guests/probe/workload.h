// What the probe measures.
#pragma once
#include "block.h"
#include "machine.h"
#include "net.h"
#include "options.h"

/** Cycle, instruction and time counters at one moment. */
struct sample {
  u64 cycles, instructions, time;
};

/** Finds out whether cycle and instret may be read; they count as 0 where not. */
void sample_init(void);
struct sample sample_now(void);
struct sample sample_since(struct sample begin);

/** Gives each request slot its buffer from `start` on, mapped and filled with a pattern; may lower bs and qd. */
void buffers_init(const struct machine *machine, struct options *options, const struct block_device *device, u64 start);
/** The 64-bit word that belongs at `offset` of the disk. */
u64 pattern_word(u64 offset, u64 seed);

/** The result line of a run without an I/O loop; whether that was meant, without a `failure`. */
bool workload_without(const struct options *options, const char *driver, const char *failure);
/** checksum, seqread, seqwrite, randread, randwrite; false when errors occurred. */
bool workload_io(const struct options *options, struct block_device *device);
/** netserve (disk to peer), netsave (peer to disk); false when errors occurred. */
bool workload_file(const struct options *options, struct block_device *disk, struct net_device *nic);
/** netstream, netrecv, netrr; false when errors occurred. */
bool workload_net(const struct options *options, struct net_device *device);
/** Hostile DMA addresses; false when the device is gone afterwards. */
bool attack_run(const struct options *options, struct block_device *device);
/** The same for a network interface; `restart` starts its driver again. */
bool attack_net(const struct options *options, struct net_device *device, struct net_device *(*restart)(void));
/** idle, console, echo, hypercall, compute; -1 when it is none of them, else whether it went well. */
int workload_plain(const struct options *options);
