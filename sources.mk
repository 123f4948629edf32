# SPDX-License-Identifier: MIT
#
# What is compiled, a variable a folder, lowest layer first. A new file is a new line here (or run
# `make sources`); `make lint` says when a file is missing.

UTIL_SRCS := \
    util/clock.c \
    util/daemon.c \
    util/error.c \
    util/format.c \
    util/log.c \
    util/loop.c \
    util/nearest.c \
    util/parse.c \
    util/state.c \
    util/width.c

FPU_SRCS := \
    fpu/sf_f32f64.c \
    fpu/sf_f80.c \
    fpu/sf_f80_convert.c \
    fpu/sf_f80_trans.c

REPLAY_SRCS := \
    replay/script.c

SOFTMMU_SRCS := \
    softmmu/ldst.c \
    softmmu/memory.c \
    softmmu/mtree.c \
    softmmu/physical.c \
    softmmu/ram.c \
    softmmu/ram_guard.c \
    softmmu/tlb.c \
    softmmu/watch.c

CHARDEV_SRCS := \
    chardev/chardev.c \
    chardev/gate.c \
    chardev/host.c \
    chardev/legacy.c \
    chardev/mux.c \
    chardev/socket.c \
    chardev/telnet.c \
    chardev/vc.c

TCG_SRCS := \
    tcg/cc.c \
    tcg/code_buffer.c \
    tcg/dump.c \
    tcg/ir.c \
    tcg/liveness.c \
    tcg/optimize.c \
    tcg/parse.c \
    tcg/vec.c \
    tcg/verify.c

TCG_X86_64_SRCS := \
    tcg/x86_64/alloc.c \
    tcg/x86_64/backend.c \
    tcg/x86_64/call.c \
    tcg/x86_64/edges.c \
    tcg/x86_64/flags.c \
    tcg/x86_64/integer.c \
    tcg/x86_64/memory.c \
    tcg/x86_64/stubs.c \
    tcg/x86_64/vector.c

TCG_INTERP_SRCS := \
    tcg/interp/backend.c \
    tcg/interp/control.c \
    tcg/interp/integer.c \
    tcg/interp/memory.c \
    tcg/interp/vec_crypto.c \
    tcg/interp/vec_float.c \
    tcg/interp/vec_int.c \
    tcg/interp/vec_shuffle.c \
    tcg/interp/vec_table.c \
    tcg/interp/vector.c

EXEC_SRCS := \
    exec/code_page.c \
    exec/debug.c \
    exec/engine.c \
    exec/engine_time.c \
    exec/restore.c \
    exec/translation_cache.c

BACKENDS_SRCS := \
    backends/host_info.c \
    backends/host_memory.c \
    backends/memory_backend.c \
    backends/prealloc.c \
    backends/properties.c \
    backends/store.c \
    backends/text.c

HW_CORE_SRCS := \
    hw/core/device.c \
    hw/core/machine.c

UI_SRCS := \
    ui/buttons.c \
    ui/display.c \
    ui/draw.c \
    ui/font.c \
    ui/input.c \
    ui/memory_map.c \
    ui/memory_tab.c \
    ui/no_window.c \
    ui/options.c \
    ui/pixels.c \
    ui/png.c \
    ui/poll.c \
    ui/screen.c \
    ui/screen_tab.c \
    ui/scroll_bar.c \
    ui/status.c \
    ui/tabs.c \
    ui/terminal.c \
    ui/terminal_joins.c \
    ui/terminal_keys.c \
    ui/terminal_modes.c \
    ui/terminal_pointer.c \
    ui/terminal_reflow.c \
    ui/terminal_select.c \
    ui/ui.c \
    ui/window.c

HW_MEM_SRCS := \
    hw/mem/memory_device.c \
    hw/mem/pc_dimm.c

HW_PCI_SRCS := \
    hw/pci/i440fx.c \
    hw/pci/pci_bus.c \
    hw/pci/piix3.c

TARGET_I386_SRCS := \
    target/i386/control.c \
    target/i386/cpu.c \
    target/i386/cpuid.c \
    target/i386/debug.c \
    target/i386/decode.c \
    target/i386/disas.c \
    target/i386/dump.c \
    target/i386/exception.c \
    target/i386/far.c \
    target/i386/flags.c \
    target/i386/gen_alu.c \
    target/i386/gen_control.c \
    target/i386/gen_mmx.c \
    target/i386/gen_mov.c \
    target/i386/gen_shift.c \
    target/i386/gen_sse.c \
    target/i386/gen_system.c \
    target/i386/gen_x87.c \
    target/i386/helper_int.c \
    target/i386/helper_sse.c \
    target/i386/helper_string.c \
    target/i386/helper_x87.c \
    target/i386/helper_x87_env.c \
    target/i386/helper_x87_host.c \
    target/i386/helper_x87_math.c \
    target/i386/helper_xsave.c \
    target/i386/mmu.c \
    target/i386/msr.c \
    target/i386/operands.c \
    target/i386/page_tables.c \
    target/i386/raise.c \
    target/i386/segment.c \
    target/i386/state.c \
    target/i386/syscall.c \
    target/i386/table.c \
    target/i386/translate.c

HW_ACPI_SRCS := \
    hw/acpi/mem_hotplug.c \
    hw/acpi/pm.c

HW_INTC_SRCS := \
    hw/intc/i8259.c \
    hw/intc/ioapic.c \
    hw/intc/lapic.c \
    hw/intc/lapic_bus.c \
    hw/intc/lapic_timer.c

HW_TIMER_SRCS := \
    hw/timer/hpet.c \
    hw/timer/i8254.c \
    hw/timer/mc146818.c

HW_CHAR_SRCS := \
    hw/char/debugcon.c \
    hw/char/serial16550.c

HW_INPUT_SRCS := \
    hw/input/i8042.c \
    hw/input/i8042_input.c \
    hw/input/ps2_queue.c \
    hw/input/ps2kbd.c \
    hw/input/ps2mouse.c \
    hw/input/scancodes.c

HW_DISPLAY_SRCS := \
    hw/display/dispi.c \
    hw/display/edid.c \
    hw/display/vga.c \
    hw/display/vga_draw.c \
    hw/display/vga_linear.c \
    hw/display/vga_memory.c \
    hw/display/vga_pci.c \
    hw/display/vga_registers.c \
    hw/display/vga_scan.c

HW_NVRAM_SRCS := \
    hw/nvram/fw_cfg.c

HW_MISC_SRCS := \
    hw/misc/debug_exit.c \
    hw/misc/pvpanic.c

HW_PC_SRCS := \
    hw/pc/acpi_buffer.c \
    hw/pc/acpi_tables.c \
    hw/pc/boot_font.c \
    hw/pc/boot_ram.c \
    hw/pc/boot_screen.c \
    hw/pc/dimm_watch.c \
    hw/pc/hotplug.c \
    hw/pc/kaslr.c \
    hw/pc/linux_boot.c \
    hw/pc/numa.c \
    hw/pc/numa_options.c \
    hw/pc/pc.c \
    hw/pc/run.c \
    hw/pc/srat.c \
    hw/pc/start.c \
    hw/pc/state.c \
    hw/pc/unpack.c \
    hw/pc/wires.c

SNAPSHOT_SRCS := \
    snapshot/contract.c \
    snapshot/control.c \
    snapshot/digest.c \
    snapshot/files.c \
    snapshot/flip.c \
    snapshot/keys.c \
    snapshot/ram_digest.c \
    snapshot/run_options.c \
    snapshot/script_check.c

GDBSTUB_SRCS := \
    gdbstub/commands.c \
    gdbstub/gdbstub.c \
    gdbstub/memory.c \
    gdbstub/packet.c \
    gdbstub/query.c \
    gdbstub/registers.c \
    gdbstub/resume.c \
    gdbstub/write.c

MONITOR_SRCS := \
    monitor/cmd_digest.c \
    monitor/cmd_dump.c \
    monitor/cmd_machine.c \
    monitor/cmd_memory.c \
    monitor/cmd_numa.c \
    monitor/cmd_pci.c \
    monitor/cmd_plug.c \
    monitor/cmd_qom.c \
    monitor/cmd_save.c \
    monitor/cmd_screen.c \
    monitor/cmd_ui.c \
    monitor/complete.c \
    monitor/hmp.c \
    monitor/json_text.c \
    monitor/monitor.c \
    monitor/object_tree.c \
    monitor/object_values.c \
    monitor/qmp.c \
    monitor/qmp_machine.c \
    monitor/qmp_memory.c \
    monitor/qmp_qom.c \
    monitor/qmp_scan.c \
    monitor/qmp_schema.c \
    monitor/qmp_table.c \
    monitor/readline.c \
    monitor/ui_model.c

ASL_SRCS := \
    hw/acpi/dsdt.asl \
    hw/acpi/hpet.asl \
    hw/acpi/memory.asl

# Compiled for general registers only where that matters (see the Makefile).
GENERAL_REGS_SRCS := \
    exec/restore.c \
    fpu/sf_f32f64.c \
    fpu/sf_f80.c \
    fpu/sf_f80_convert.c \
    softmmu/ldst.c \
    softmmu/tlb.c \
    softmmu/watch.c \
    target/i386/cpuid.c \
    target/i386/helper_x87.c \
    target/i386/helper_x87_env.c \
    target/i386/helper_x87_host.c \
    target/i386/mmu.c \
    target/i386/raise.c \
    tcg/cc.c

SRCS := consoles.c main.c options.c options_absent.c options_defaults.c options_machine.c options_memory.c options_monitors.c options_pairs.c options_running.c \
    $(UTIL_SRCS) \
    $(FPU_SRCS) \
    $(REPLAY_SRCS) \
    $(SOFTMMU_SRCS) \
    $(CHARDEV_SRCS) \
    $(TCG_SRCS) \
    $(TCG_X86_64_SRCS) \
    $(TCG_INTERP_SRCS) \
    $(EXEC_SRCS) \
    $(BACKENDS_SRCS) \
    $(HW_CORE_SRCS) \
    $(UI_SRCS) \
    $(HW_MEM_SRCS) \
    $(HW_PCI_SRCS) \
    $(TARGET_I386_SRCS) \
    $(HW_ACPI_SRCS) \
    $(HW_INTC_SRCS) \
    $(HW_TIMER_SRCS) \
    $(HW_CHAR_SRCS) \
    $(HW_INPUT_SRCS) \
    $(HW_DISPLAY_SRCS) \
    $(HW_NVRAM_SRCS) \
    $(HW_MISC_SRCS) \
    $(HW_PC_SRCS) \
    $(SNAPSHOT_SRCS) \
    $(GDBSTUB_SRCS) \
    $(MONITOR_SRCS)
