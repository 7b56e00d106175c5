// The command line: key=value words in /chosen/bootargs.
#include "options.h"
#include "lib.h"

enum { WORD = 256 };

struct number_option {
  const char *key;
  u32 offset;
  u64 usual, least, most;
};
#define NUMBER(key, field, usual, least, most) {key, __builtin_offsetof(struct options, field), usual, least, most}

static const struct number_option numbers[] = {
  NUMBER("bs", bs, 64 * KIB, 4, MIB),
  NUMBER("qd", qd, 8, 1, 64),
  NUMBER("batch", batch, 1, 1, 64),
  NUMBER("total", total, 0, 0, ~0ul),
  NUMBER("seed", seed, 1, 0, ~0ul),
  NUMBER("start", start, 0, 0, ~0ul),
  NUMBER("length", length, 0, 0, ~0ul),
  NUMBER("attack-offset", attack_offset, ~0ul, 0, ~0ul),
  NUMBER("service-chunk", service_chunk, PAGE, PAGE, MIB),
  NUMBER("timeout", timeout_ms, 2000, 1, 600000),
  NUMBER("ms", ms, 100, 1, 600000),
  NUMBER("tick", tick_ms, 10, 1, 600000),
  NUMBER("bytes", bytes, 4 * KIB, 1, 1024 * MIB),
  NUMBER("count", count, 1000, 1, 1ul << 40),
  NUMBER("pace", pace_us, 0, 0, 1000000),
  NUMBER("host", host, 15, 3, 254),
  NUMBER("queues", queues, 1, 1, 128),
  NUMBER("interrupt-rate", interrupt_rate, 0, 0, 1000000),
};

struct choice_option {
  const char *key, *first, *second;  // `second` sets it, `first` clears it
  u32 offset;
  bool usual;
};
#define CHOICE(key, first, second, field, usual) {key, first, second, __builtin_offsetof(struct options, field), usual}

static const struct choice_option choices[] = {
  CHOICE("verify", "0", "1", verify, false),
  CHOICE("retry", "0", "1", retry, false),
  CHOICE("pages", "4k", "2m", large_pages, false),
  CHOICE("wait", "interrupt", "poll", polling, false),
  CHOICE("uart", "poll", "interrupt", uart_interrupts, true),
  CHOICE("fifo", "0", "1", uart_fifo, true),
  CHOICE("indirect", "0", "1", indirect, true),
  CHOICE("event-index", "0", "1", event_index, true),
};

static const char *const hash_names[] = {"none", "crc32c", "sha256"};

static bool read_addresses(struct options *o, char *value) {
  o->attack_count = 0;
  while (*value) {
    char *end = value;
    while (*end && *end != ',') end++;
    const bool more = *end;
    *end = 0;
    if (o->attack_count == MAX_ATTACKS || !parse_number(value, &o->attack_addresses[o->attack_count])) return false;
    o->attack_count++;
    value = end + more;
  }
  return o->attack_count;
}

static bool read_attack_operations(struct options *o, const char *value) {
  o->attack_read = !same(value, "write");
  o->attack_write = !same(value, "read");
  return same(value, "read") || same(value, "write") || same(value, "both");
}

static bool read_text(char *to, size_t room, const char *value) {
  copy_text(to, room, value, NULL);
  return strlen(value) < room;
}

/** 1: taken; 0: a bad value; -1: no such key. */
static int read_word(struct options *o, const char *key, char *value) {
  if (same(key, "workload")) return read_text(o->workload, sizeof o->workload, value);
  if (same(key, "driver")) return read_text(o->driver, sizeof o->driver, value);
  if (same(key, "nic-driver")) return read_text(o->nic_driver, sizeof o->nic_driver, value);
  if (same(key, "attack")) return read_text(o->attack, sizeof o->attack, value);
  if (same(key, "attack-address")) return read_addresses(o, value);
  if (same(key, "attack-op")) return read_attack_operations(o, value);
  for (u32 i = 0; same(key, "hash") && i < COUNT(hash_names); i++)
    if (same(value, hash_names[i])) return o->hash = i, 1;
  for (u32 i = 0; i < COUNT(numbers); i++) {
    u64 n;
    if (!same(key, numbers[i].key)) continue;
    if (!parse_number(value, &n) || n < numbers[i].least || n > numbers[i].most) return 0;
    *(u64 *)((u8 *)o + numbers[i].offset) = n;
    return 1;
  }
  for (u32 i = 0; i < COUNT(choices); i++) {
    if (!same(key, choices[i].key)) continue;
    if (!same(value, choices[i].first) && !same(value, choices[i].second)) return 0;
    *((bool *)o + choices[i].offset) = same(value, choices[i].second);
    return 1;
  }
  return same(key, "hash") ? 0 : -1;
}

void options_read(struct options *o, const char *line) {
  memset(o, 0, sizeof *o);
  copy_text(o->workload, sizeof o->workload, "checksum", NULL);
  copy_text(o->driver, sizeof o->driver, "auto", NULL);
  copy_text(o->nic_driver, sizeof o->nic_driver, "auto", NULL);
  copy_text(o->attack, sizeof o->attack, "none", NULL);
  o->hash = HASH_UNSAID;
  o->attack_read = o->attack_write = true;
  for (u32 i = 0; i < COUNT(numbers); i++) *(u64 *)((u8 *)o + numbers[i].offset) = numbers[i].usual;
  for (u32 i = 0; i < COUNT(choices); i++) *((bool *)o + choices[i].offset) = choices[i].usual;
  while (*line) {
    char word[WORD];
    const char *end = line;
    while (*end && *end != ' ') end++;
    copy_text(word, sizeof word, line, end);
    char *value = word;
    while (*value && *value != '=') value++;
    if (*value) *value++ = 0;
    const int taken = *word ? read_word(o, word, value) : 1;
    if (taken == 0) panic("probe: bootargs: %s=%s isn't possible", word, value);
    if (taken < 0) print("probe: bootargs: %s passed over\n", word);
    line = *end ? end + 1 : end;
  }
  const bool hashing = same(o->workload, "checksum") || same(o->workload, "compute") ||
                       (starts_with(o->workload, "net") && !same(o->workload, "netstream"));
  if (o->hash == HASH_UNSAID) o->hash = hashing ? HASH_CRC32C : HASH_NONE;
}
