# RISC-V Privileged Architecture, "Hypervisor Extension": M-mode hands over to HS-mode, HS-mode hosts a guest in
# VS-mode, and each trap of the guest saves and restores all general registers around handle() in hypervisor-exit.c.
# Numbers instead of names where assemblers need the extension switched on.

#define HSTATUS 0x600

# ---- M-mode
        .section .text.start, "ax"
        .globl _start
_start:
        la      sp, stack_top
        la      t0, machine_trap
        csrw    mtvec, t0
        li      t0, -1                  # PMP: everything, to everyone (NAPOT, RWX)
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      t0, 0xf0b5ff            # all traps of U, VS and guest page faults; not ECALL from HS or M
        csrw    medeleg, t0
        li      t0, 0x1800              # mstatus.MPP = S
        csrc    mstatus, t0
        li      t0, 0x0800
        csrs    mstatus, t0
        la      t0, main
        csrw    mepc, t0
        mret

        .balign 4
machine_trap:
        la      sp, stack_top
        csrr    a0, mcause
        csrr    a1, mepc
        csrr    a2, mtval
        call    unexpected

# ---- HS-mode
# void enter_guest(struct context *context, u64 pc): the guest starts with a0, a1, a2 of the context
        .globl  enter_guest
enter_guest:
        csrw    sscratch, a0
        sd      sp, 0(a0)               # slot of x0: the hypervisor's own stack
        csrw    sepc, a1
        li      t0, 0x180               # hstatus.SPV and SPVP: sret enters VS-mode
        csrs    HSTATUS, t0
        li      t0, 0x100               # sstatus.SPP
        csrs    sstatus, t0
        la      t0, trap
        csrw    stvec, t0
        ld      a1, 88(a0)
        ld      a2, 96(a0)
        ld      a0, 80(a0)
        sret

        .balign 4
trap:
        csrrw   a0, sscratch, a0
        sd      x1, 8(a0)
        sd      x2, 16(a0)
        sd      x3, 24(a0)
        sd      x4, 32(a0)
        sd      x5, 40(a0)
        sd      x6, 48(a0)
        sd      x7, 56(a0)
        sd      x8, 64(a0)
        sd      x9, 72(a0)
        sd      x11, 88(a0)
        sd      x12, 96(a0)
        sd      x13, 104(a0)
        sd      x14, 112(a0)
        sd      x15, 120(a0)
        sd      x16, 128(a0)
        sd      x17, 136(a0)
        sd      x18, 144(a0)
        sd      x19, 152(a0)
        sd      x20, 160(a0)
        sd      x21, 168(a0)
        sd      x22, 176(a0)
        sd      x23, 184(a0)
        sd      x24, 192(a0)
        sd      x25, 200(a0)
        sd      x26, 208(a0)
        sd      x27, 216(a0)
        sd      x28, 224(a0)
        sd      x29, 232(a0)
        sd      x30, 240(a0)
        sd      x31, 248(a0)
        csrrw   t0, sscratch, a0        # the guest's a0
        sd      t0, 80(a0)
        ld      sp, 0(a0)
        mv      s0, a0
        call    handle
        mv      a0, s0
        ld      x1, 8(a0)
        ld      x2, 16(a0)
        ld      x3, 24(a0)
        ld      x4, 32(a0)
        ld      x5, 40(a0)
        ld      x6, 48(a0)
        ld      x7, 56(a0)
        ld      x8, 64(a0)
        ld      x9, 72(a0)
        ld      x11, 88(a0)
        ld      x12, 96(a0)
        ld      x13, 104(a0)
        ld      x14, 112(a0)
        ld      x15, 120(a0)
        ld      x16, 128(a0)
        ld      x17, 136(a0)
        ld      x18, 144(a0)
        ld      x19, 152(a0)
        ld      x20, 160(a0)
        ld      x21, 168(a0)
        ld      x22, 176(a0)
        ld      x23, 184(a0)
        ld      x24, 192(a0)
        ld      x25, 200(a0)
        ld      x26, 208(a0)
        ld      x27, 216(a0)
        ld      x28, 224(a0)
        ld      x29, 232(a0)
        ld      x30, 240(a0)
        ld      x31, 248(a0)
        ld      a0, 80(a0)
        sret

# ---- VS-mode
# The guest: a0 calls of its hypervisor, a1 accesses (load, store, load, …) to the device at a2.
        .option push
        .option norvc
        .globl  guest
guest:
        mv      s0, a0
        mv      s1, a1
        mv      s2, a2
        li      a7, 1                   # service 1: add a0 to the checksum
1:      beqz    s0, 2f
        mv      a0, s0
        ecall
        addi    s0, s0, -1
        j       1b
2:      blez    s1, 3f
        lw      t0, 0(s2)
        addi    s1, s1, -1
        blez    s1, 3f
        addi    t0, t0, 3
        sw      t0, 0(s2)
        addi    s1, s1, -1
        j       2b
3:      li      a7, 0                   # service 0: the end
        ecall
        j       3b
        .option pop

        .section .stack, "aw", @nobits
        .balign 4096
        .skip   65536
stack_top:
