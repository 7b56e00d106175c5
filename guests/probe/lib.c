// Freestanding helpers: memory, strings, formatted text.
#include "lib.h"
#include "sbi.h"
#include "console.h"

void *memcpy(void *to, const void *from, size_t length) {
  u8 *t = to;
  const u8 *f = from;
  while (length && (u64)t & 7) *t++ = *f++, length--;
  const u64 shift = ((u64)f & 7) * 8;
  if (!shift) {
    for (; length >= 8; length -= 8, t += 8, f += 8) *(u64 *)t = *(const u64 *)f;
  } else if (length >= 8) {
    const u64 *words = (const u64 *)(f - shift / 8);  // never a word in which no byte is of the source
    for (u64 low = *words; length >= 8; length -= 8, t += 8, f += 8) {
      const u64 high = *++words;
      *(u64 *)t = low >> shift | high << (64 - shift);
      low = high;
    }
  }
  while (length--) *t++ = *f++;
  return to;
}

void *memset(void *to, int value, size_t length) {
  u8 *t = to;
  const u64 word = (u8)value * 0x0101010101010101ul;
  if (((u64)t & 7) == 0)
    for (; length >= 8; length -= 8, t += 8) *(u64 *)t = word;
  while (length--) *t++ = (u8)value;
  return to;
}

int memcmp(const void *a, const void *b, size_t length) {
  const u8 *x = a, *y = b;
  for (; length--; x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

bool same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

bool starts_with(const char *text, const char *start) {
  while (*start)
    if (*text++ != *start++) return false;
  return true;
}

void copy_text(char *to, size_t room, const char *from, const char *end) {
  while (room > 1 && from != end && *from) *to++ = *from++, room--;
  *to = 0;
}

bool parse_number(const char *text, u64 *value) {
  u64 n = 0;
  u32 base = 10, digits = 0;
  if (text[0] == '0' && (text[1] | 0x20) == 'x') base = 16, text += 2;
  for (;; text++, digits++) {
    const char c = *text | 0x20;
    u32 digit;
    if (*text >= '0' && *text <= '9') digit = *text - '0';
    else if (base == 16 && c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    else break;
    n = n * base + digit;
  }
  if (!digits) return false;
  switch (*text | 0x20) {
    case 'k': n <<= 10, text++; break;
    case 'm': n <<= 20, text++; break;
    case 'g': n <<= 30, text++; break;
  }
  *value = n;
  return *text == 0;
}

void fill_words(void *to, u64 word, size_t length) {
  for (u64 *t = to; length >= 8; length -= 8) *t++ = word;
}

struct sink {
  char text[256];
  u32 length;
  bool to_sbi;
};

static void sink_flush(struct sink *sink) {
  if (sink->to_sbi && sbi_console_write(sink->text, sink->length)) sink->length = 0;
  if (sink->length) console_write(sink->text, sink->length);
  sink->length = 0;
}

static void put(struct sink *sink, char c) {
  if (sink->length == sizeof sink->text) sink_flush(sink);
  sink->text[sink->length++] = c;
}

static void put_number(struct sink *sink, u64 value, u32 base, u32 width) {
  char digits[20];
  u32 n = 0;
  do digits[n++] = "0123456789abcdef"[value % base], value /= base;
  while (value);
  for (u32 i = n; i < width; i++) put(sink, '0');
  while (n) put(sink, digits[--n]);
}

static void format_to(struct sink *sink, const char *format, __builtin_va_list values) {
  for (; *format; format++) {
    if (*format != '%') {
      put(sink, *format);
      continue;
    }
    u32 width = 0;
    bool wide = false;
    for (format++; *format >= '0' && *format <= '9'; format++) width = width * 10 + *format - '0';
    for (; *format == 'l'; format++) wide = true;
    switch (*format) {
      case 's':
        for (const char *text = __builtin_va_arg(values, const char *); *text; text++) put(sink, *text);
        break;
      case 'c': put(sink, (char)__builtin_va_arg(values, int)); break;
      case 'd': {
        const i64 value = wide ? __builtin_va_arg(values, i64) : __builtin_va_arg(values, int);
        if (value < 0) put(sink, '-');
        put_number(sink, value < 0 ? -(u64)value : (u64)value, 10, width);
        break;
      }
      case 'u':
      case 'x': {
        const u64 value = wide ? __builtin_va_arg(values, u64) : __builtin_va_arg(values, u32);
        put_number(sink, value, *format == 'x' ? 16 : 10, width);
        break;
      }
      case 0: return;
      default: put(sink, *format);
    }
  }
}

void print(const char *format, ...) {
  struct sink sink = {.length = 0, .to_sbi = false};
  __builtin_va_list values;
  __builtin_va_start(values, format);
  format_to(&sink, format, values);
  __builtin_va_end(values);
  sink_flush(&sink);
}

void panic(const char *format, ...) {
  static bool again;
  interrupts_disable();
  if (!again) {
    again = true;
    console_poll();
    struct sink sink = {.length = 0, .to_sbi = true};
    __builtin_va_list values;
    __builtin_va_start(values, format);
    format_to(&sink, format, values);
    __builtin_va_end(values);
    put(&sink, '\n');
    sink_flush(&sink);
  }
  sbi_shutdown(SRST_SYSTEM_FAILURE);
}
