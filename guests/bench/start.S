# M-mode entry: a stack, then main. Nothing is delegated, no trap is expected.
        .section .text.start, "ax"
        .globl _start
_start:
        la      sp, stack_top
        call    main
1:      j       1b

        .section .stack, "aw", @nobits
        .balign 4096
        .skip   65536
stack_top:
