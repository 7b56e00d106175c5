// Freestanding helpers: memory, strings, formatted text.
#pragma once
#include "kernel.h"

void *memcpy(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);
bool same(const char *a, const char *b);
/** `text` begins with `start`. */
bool starts_with(const char *text, const char *start);
/** Copies at most `room` - 1 characters, stops at `end` or at NUL, terminates. */
void copy_text(char *to, size_t room, const char *from, const char *end);
/** Decimal, 0x hexadecimal, suffixes k, m, g for powers of 1024. False when it is not such a number. */
bool parse_number(const char *text, u64 *value);
/** A copy of `length` bytes in words of 8; both sides aligned to 8. */
void fill_words(void *to, u64 word, size_t length);

/** %s %c %d %u %x, with l for 64 bits and a width of zeros as in %08x. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** The same, by SBI DBCN where it exists, then shutdown with the reason "system failure". */
void panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
