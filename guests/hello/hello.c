// The smallest guest: says hello through the firmware and through the UART, then shuts the machine down.
// RISC-V SBI 2.0, "Debug Console Extension", "System Reset Extension"; 16550A registers as on QEMU's `virt` board.
// Runs in S-mode with satp = 0: no stack but one page, no interrupts, no device tree.

typedef unsigned char u8;
typedef unsigned long u64;

enum { UART = 0x10000000, THR = 0, LSR = 5, LSR_THRE = 0x20 };
enum { SBI_DBCN = 0x4442434e, DBCN_WRITE = 0, SBI_SRST = 0x53525354, SRST_RESET = 0 };

static long sbi_call(u64 extension, u64 function, u64 arg0, u64 arg1, u64 arg2) {
  register u64 a0 asm("a0") = arg0;
  register u64 a1 asm("a1") = arg1;
  register u64 a2 asm("a2") = arg2;
  register u64 a6 asm("a6") = function;
  register u64 a7 asm("a7") = extension;
  asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
  return (long)a0;
}

static void uart_print(const char *text) {
  volatile u8 *uart = (volatile u8 *)UART;
  for (; *text; text++) {
    while (!(uart[LSR] & LSR_THRE)) {
    }
    uart[THR] = (u8)*text;
  }
}

static const char by_sbi[] = "hello by SBI DBCN\n";

void hello(void) {
  const long error = sbi_call(SBI_DBCN, DBCN_WRITE, sizeof by_sbi - 1, (u64)by_sbi, 0);
  uart_print(error ? "no SBI DBCN\nhello by UART\n" : "hello by UART\n");
  sbi_call(SBI_SRST, SRST_RESET, 0, 0, 0);
  for (;;) asm volatile("wfi");
}
