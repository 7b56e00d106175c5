# Entry in S-mode: a0 = hart, a1 = device tree (unused here).
.section .text.entry, "ax"
.globl _start
_start:
  la sp, stack_top
  call hello

.section .bss
.balign 16
  .space 4096
stack_top:
