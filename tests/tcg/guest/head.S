/* SPDX-License-Identifier: MIT
 *
 * Wraps a freestanding test as a bzImage that -kernel takes: two sectors of setup with the header, then the
 * program, loaded at 0x1000000 and entered at +0x200 in long mode with 4 GiB mapped one to one.
 * [Linux Documentation/arch/x86/boot.rst]
 */
    .section .setup, "a"
    .org 0x1f1
    .byte 1                     /* setup_sects */
    .word 0
    .long 0x100
    .word 0, 0xffff, 0
    .word 0xaa55
    .byte 0xeb, 0x6a            /* the header ends at 0x202 + 0x6a */
    .ascii "HdrS"
    .word 0x20f                 /* protocol 2.15 */
    .long 0
    .word 0, 0
    .byte 0, 1                  /* LOADED_HIGH */
    .word 0
    .long 0x100000, 0, 0, 0
    .word 0
    .byte 0, 0
    .long 0, 0x7fffffff, 0x200000
    .byte 1, 21                 /* relocatable, min_alignment */
    .word 1                     /* XLF_KERNEL_64 */
    .long 2047, 0
    .quad 0
    .long 0, 0                  /* no payload: the guest "unpacks" */
    .quad 0
    .quad 0x1000000             /* pref_address */
    .long 0x400000              /* init_size */
    .long 0
    .org 0x400

    .section .entry, "ax"
    .org 0x200
    .global _start
_start:
    lea stack_top(%rip), %rsp
    lea __bss_start(%rip), %rdi
    lea __bss_end(%rip), %rcx
    sub %rdi, %rcx
    xor %eax, %eax
    rep stosb
    call guest_main
    mov %eax, %edi
    call guest_exit
1:  hlt
    jmp 1b

    /* Application processors start here in real mode (copied to 0x8000): to long mode with the same tables. */
    .global ap_trampoline, ap_trampoline_end
    .code16
ap_trampoline:
    cli
    xor %ax, %ax
    mov %ax, %ds
    lgdtl 0x8000 + (ap_gdt - ap_trampoline)
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $0x8, $(0x8000 + (ap_32 - ap_trampoline))
    .code32
ap_32:
    mov $0x20, %eax
    mov %eax, %cr4
    mov 0x8ff0, %eax            /* CR3 of the first processor */
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    mov $0x80000011, %eax
    mov %eax, %cr0
    ljmpl $0x10, $(0x8000 + (ap_64 - ap_trampoline))
    .code64
ap_64:
    mov $0x18, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    lea ap_stack_top, %rsp
    mov $ap_main, %rax
    call *%rax
1:  hlt
    jmp 1b
    .align 8
ap_gdt_table:
    .quad 0, 0x00cf9b000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff
ap_gdt:
    .word 31
    .long 0x8000 + (ap_gdt_table - ap_trampoline)
ap_trampoline_end:

    .section .bss
    .align 16
    .skip 65536
stack_top:
    .skip 65536
ap_stack_top:
    .section .note.GNU-stack, "", @progbits
