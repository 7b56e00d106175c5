// RISC-V SBI 2.0: the calls that the probe makes, and Yado's own extension.
#pragma once
#include "kernel.h"

enum { SRST_NO_REASON = 0, SRST_SYSTEM_FAILURE = 1 };
/** The region of interest that surrounds the I/O loop. */
enum { REGION_IO = 1 };

struct sbi_result {
  i64 error;
  u64 value;
};

struct sbi_result sbi_spec_version(void);
bool sbi_has_extension(u64 extension);
void sbi_set_timer(u64 time);
/** False where the debug console extension is missing or refuses. */
bool sbi_console_write(const char *text, u64 length);
void sbi_shutdown(u32 reason) __attribute__((noreturn));

/** Yado: bus address of guest-physical [address, address + length); error when it is not ours or not contiguous. */
struct sbi_result sbi_yado_translate(u64 address, u64 length);
/** Yado: marks for the measurement; other firmware answers with an error, which is fine. */
void sbi_yado_region(bool begin, u64 id);
