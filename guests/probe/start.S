# Entry and trap vector.
# RISC-V Privileged Architecture, "Supervisor-Level ISA": stvec, sscratch, SRET.

# a0 = hart, a1 = device tree, satp = 0. The loader has cleared .bss, as ELF asks.
.section .text.entry, "ax"
.globl _start
_start:
  csrw sie, zero
  la sp, stack_top
  la t0, trap_stack_top
  csrw sscratch, t0
  la t0, trap_vector
  csrw stvec, t0
  call kernel_main
1:
  wfi
  j 1b

# Traps run on a stack of their own: sscratch holds the other stack's pointer. Interrupts stay off inside.
.section .text.trap, "ax"
.balign 4
trap_vector:
  csrrw sp, sscratch, sp
  addi sp, sp, -128
  sd ra, 0(sp)
  sd t0, 8(sp)
  sd t1, 16(sp)
  sd t2, 24(sp)
  sd a0, 32(sp)
  sd a1, 40(sp)
  sd a2, 48(sp)
  sd a3, 56(sp)
  sd a4, 64(sp)
  sd a5, 72(sp)
  sd a6, 80(sp)
  sd a7, 88(sp)
  sd t3, 96(sp)
  sd t4, 104(sp)
  sd t5, 112(sp)
  sd t6, 120(sp)
  csrr a0, scause
  call trap_handle
  ld ra, 0(sp)
  ld t0, 8(sp)
  ld t1, 16(sp)
  ld t2, 24(sp)
  ld a0, 32(sp)
  ld a1, 40(sp)
  ld a2, 48(sp)
  ld a3, 56(sp)
  ld a4, 64(sp)
  ld a5, 72(sp)
  ld a6, 80(sp)
  ld a7, 88(sp)
  ld t3, 96(sp)
  ld t4, 104(sp)
  ld t5, 112(sp)
  ld t6, 120(sp)
  addi sp, sp, 128
  csrrw sp, sscratch, sp
  sret
