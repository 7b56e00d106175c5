// RISC-V SBI 2.0: "Binary Encoding" and the extensions Base, Timer, System Reset, Debug Console; Yado's own extension
// in the space for experiments (0x08000000–0x08ffffff).
#include "sbi.h"

enum { BASE = 0x10, TIME = 0x54494d45, SRST = 0x53525354, DBCN = 0x4442434e, YADO = 0x08594144 };
enum { BASE_SPEC_VERSION = 0, BASE_PROBE = 3 };
enum { YADO_TRANSLATE = 1, YADO_REGION_BEGIN = 2, YADO_REGION_END = 3 };

static struct sbi_result call(u64 extension, u64 function, u64 arg0, u64 arg1, u64 arg2) {
  register u64 a0 asm("a0") = arg0;
  register u64 a1 asm("a1") = arg1;
  register u64 a2 asm("a2") = arg2;
  register u64 a6 asm("a6") = function;
  register u64 a7 asm("a7") = extension;
  asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
  return (struct sbi_result){.error = (i64)a0, .value = a1};
}

struct sbi_result sbi_spec_version(void) { return call(BASE, BASE_SPEC_VERSION, 0, 0, 0); }

bool sbi_has_extension(u64 extension) {
  const struct sbi_result result = call(BASE, BASE_PROBE, extension, 0, 0);
  return !result.error && result.value;
}

void sbi_set_timer(u64 time) { call(TIME, 0, time, 0, 0); }

bool sbi_console_write(const char *text, u64 length) {
  while (length) {
    const struct sbi_result result = call(DBCN, 0, length, (u64)text, 0);
    if (result.error || !result.value || result.value > length) return false;
    text += result.value;
    length -= result.value;
  }
  return true;
}

void sbi_shutdown(u32 reason) {
  call(SRST, 0, 0, reason, 0);
  for (;;) wait_for_interrupt();
}

struct sbi_result sbi_yado_translate(u64 address, u64 length) { return call(YADO, YADO_TRANSLATE, address, length, 0); }

void sbi_yado_region(bool begin, u64 id) { call(YADO, begin ? YADO_REGION_BEGIN : YADO_REGION_END, id, 0, 0); }
