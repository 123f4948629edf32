# SPDX-License-Identifier: MIT
#
# Ramjet's build. `make` builds build/opt/ramjet and the link build/ramjet; `make help` lists the rest.
# The sources are listed by hand in sources.mk, a variable a folder. MODE chooses a directory and its
# flags; changed flags rebuild what they touch, and headers are tracked by the compiler (-MMD).

MODE ?= opt
B := build/$(MODE)
MODES := opt dbg asan ubsan tsan cov
ifeq ($(filter $(MODE),$(MODES)),)
$(error MODE=$(MODE) is unknown; one of: $(MODES))
endif

# All cores; a -j on the command line wins.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
MAKEFLAGS += -r --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

CC := gcc
AR := ar
PKG_CONFIG := pkg-config

# ---- flags

MODE_CFLAGS_opt := -O2 -g
MODE_CFLAGS_dbg := -O0 -g3
MODE_CFLAGS_asan := -O1 -g -fsanitize=address -fno-omit-frame-pointer
MODE_CFLAGS_ubsan := -O1 -g -fsanitize=undefined -fno-sanitize-recover=undefined
MODE_CFLAGS_tsan := -O1 -g -fsanitize=thread
MODE_CFLAGS_cov := -O0 -g --coverage

WARNINGS := -Wall -Wextra -Werror -Wno-unused-parameter -Wmissing-prototypes -Wstrict-prototypes
# Sanitizers and no optimization blur the flow that these warnings reason about.
ifneq ($(MODE),opt)
WARNINGS += -Wno-maybe-uninitialized -Wno-format-truncation
endif
BASE_CFLAGS := -std=gnu11 $(WARNINGS) -ffp-contract=off -fno-strict-aliasing -pthread -I. -I$(B)/gen
CFLAGS :=
FILE_CFLAGS :=
LDFLAGS :=
LIBS := -lm

# Optional libraries: package name of pkg-config -> HAVE_NAME=1. `make WITHOUT="capstone sdl2"` leaves out.
WITHOUT :=
LIB_capstone := capstone
LIB_zlib := zlib
LIB_sdl2 := sdl2
LIB_lzma := liblzma
LIB_lz4 := liblz4
LIB_zstd := libzstd
LIB_jansson := jansson
LIB_xxhash := libxxhash
LIB_vterm := vterm
LIB_NAMES := capstone zlib sdl2 lzma lz4 zstd jansson xxhash vterm
UNKNOWN_LIBS := $(filter-out $(LIB_NAMES),$(WITHOUT))
ifneq ($(UNKNOWN_LIBS),)
$(error WITHOUT names $(UNKNOWN_LIBS); known are: $(LIB_NAMES))
endif
HAVE := $(foreach l,$(filter-out $(WITHOUT),$(LIB_NAMES)),\
          $(if $(shell $(PKG_CONFIG) --exists $(LIB_$(l)) 2>/dev/null && echo y),$(l)))
HAVE_PKGS := $(foreach l,$(HAVE),$(LIB_$(l)))
upper = $(shell echo $(1) | tr a-z A-Z)
ifneq ($(HAVE),)
LIB_CFLAGS := $(foreach l,$(call upper,$(HAVE)),-DHAVE_$(l)=1) $(shell $(PKG_CONFIG) --cflags $(HAVE_PKGS))
LIBS += $(shell $(PKG_CONFIG) --libs $(HAVE_PKGS))
endif

ALL_CFLAGS = $(BASE_CFLAGS) $(MODE_CFLAGS_$(MODE)) $(LIB_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(filter -fsanitize=% --coverage,$(MODE_CFLAGS_$(MODE))) -pthread $(LDFLAGS)

# ---- what is built

include sources.mk

# A window needs both; without, ui/no_window.c stands in its place.
WINDOW_SRCS := $(filter-out ui/input.c ui/screen.c ui/png.c ui/options.c ui/no_window.c,$(UI_SRCS))
SRCS := $(filter-out $(if $(and $(filter sdl2,$(HAVE)),$(filter vterm,$(HAVE))),ui/no_window.c,$(WINDOW_SRCS)),$(SRCS))

# C that may run while the guest's vector registers are live in the host's: general registers only.
# GENERAL_REGS_SRCS comes from sources.mk.
ifeq ($(shell uname -m),x86_64)
$(GENERAL_REGS_SRCS:%.c=$(B)/%.o): FILE_CFLAGS := -mgeneral-regs-only
endif

# Thread sanitizer. Its runtime uses vector registers: not in what must not. And it counts entries and exits of functions,
# but generated code and faults leave helpers without an exit: there its call stacks would grow without end.
ifeq ($(MODE),tsan)
LEFT_SRCS := $(filter softmmu/% target/i386/% tcg/interp/% exec/restore.c,$(SRCS))
$(LEFT_SRCS:%.c=$(B)/%.o): FILE_CFLAGS += --param tsan-instrument-func-entry-exit=0
$(GENERAL_REGS_SRCS:%.c=$(B)/%.o): FILE_CFLAGS += -fno-sanitize=thread
endif

OBJS := $(SRCS:%=$(B)/%)
OBJS := $(patsubst %.c,%.o,$(OBJS:%.S=%.o))
LIB_OBJS := $(filter-out $(B)/main.o,$(OBJS))
# ui/spleen_SIZE.font.h: console fonts, from Debian's package fonts-spleen.
FONTS := 8x16 12x24 16x32
FONT_DIR := /usr/share/consolefonts
GEN := $(ASL_SRCS:%.asl=$(B)/gen/%.aml.h) $(FONTS:%=$(B)/gen/ui/spleen_%.font.h)

# Tests: each tests/DIR/test_*.c (and tests/fuzz/fuzz_*.c) is a program, linked with the emulator's
# objects and with the other C files of its folder.
TEST_DIRS := unit tcg hw monitor fuzz ui
TEST_SRCS := $(wildcard $(TEST_DIRS:%=tests/%/*.c))
TEST_MAINS := $(foreach s,$(TEST_SRCS),$(if $(filter test_% fuzz_%,$(notdir $(s))),$(s)))
TEST_PROGS := $(TEST_MAINS:%.c=$(B)/%)

.PHONY: all programs tests demo check check-long check-run check-headers bench lint fuzz-cpu sources clean help \
        setup print-cflags FORCE

all: programs
programs: $(if $(filter main.c,$(SRCS)),$(B)/ramjet,$(B)/libramjet.a) $(if $(filter opt,$(MODE)),build/ramjet)

build/ramjet: | $(B)/
	@ln -sfn opt/ramjet $@

$(B)/ramjet: $(OBJS) $(B)/flags.ld
	@echo "  LD      $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $(OBJS) $(LIBS)

$(B)/libramjet.a: $(LIB_OBJS)
	@echo "  AR      $@"
	@rm -f $@
	@$(AR) rcsT $@ $(LIB_OBJS)

# A change of flags, of libraries or of the compiler rebuilds; an unchanged one leaves the file's time.
FLAGS_NOW = $(CC) $(ALL_CFLAGS)
$(B)/flags.cc: FORCE | $(B)/
	@echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' > $@
$(B)/flags.ld: FORCE | $(B)/
	@echo '$(ALL_LDFLAGS) $(LIBS) $(OBJS)' | cmp -s - $@ || echo '$(ALL_LDFLAGS) $(LIBS) $(OBJS)' > $@
FORCE:

$(B)/:
	@mkdir -p $@

$(B)/%.o: %.c $(B)/flags.cc | $(GEN)
	@echo "  CC      $@"
	@mkdir -p $(@D)
	@$(CC) $(ALL_CFLAGS) $(FILE_CFLAGS) -MMD -MP -c -o $@ $<

# Assembly with the C preprocessor.
$(B)/%.o: %.S $(B)/flags.cc
	@echo "  AS      $@"
	@mkdir -p $(@D)
	@$(CC) $(ALL_CFLAGS) $(FILE_CFLAGS) -MMD -MP -c -o $@ $<

# hw/acpi/NAME.asl -> #include "hw/acpi/NAME.aml.h": static const uint8_t NAME_aml[].
$(B)/gen/%.aml.h: %.asl scripts/bin2c
	@echo "  IASL    $@"
	@mkdir -p $(@D)
	@$(CC) -E -P -x c -I. $< > $(B)/gen/$*.i.asl
	@iasl -vr -vs -we -p $(B)/gen/$* $(B)/gen/$*.i.asl > $(B)/gen/$*.log 2>&1 || { cat $(B)/gen/$*.log; exit 1; }
	@scripts/bin2c $(notdir $*)_aml $(B)/gen/$*.aml > $@

# #include "ui/spleen_8x16.font.h"; what is in it: scripts/psf2c.
$(B)/gen/ui/spleen_%.font.h: $(FONT_DIR)/spleen-%.psfu.gz scripts/psf2c
	@echo "  FONT    $@"
	@mkdir -p $(@D)
	@scripts/psf2c spleen_$* $< > $@
$(FONT_DIR)/%.psfu.gz:
	@echo "$@ is missing: scripts/setup installs fonts-spleen" >&2; exit 1

# What several programs share is kept.
.PRECIOUS: $(B)/%.o $(B)/gen/%.aml.h $(B)/gen/ui/spleen_%.font.h

# ---- tests

define test_prog
$(B)/$(1:%.c=%): $(B)/$(1:%.c=%.o) $(patsubst %.c,$(B)/%.o,$(filter-out $(TEST_MAINS),$(filter $(dir $(1))%,$(TEST_SRCS)))) $(B)/libramjet.a
	@echo "  LD      $$@"
	@$(CC) $(ALL_LDFLAGS) -o $$@ $$(filter-out %.a,$$^) $(B)/libramjet.a $(LIBS)
endef
$(foreach t,$(TEST_MAINS),$(eval $(call test_prog,$(t))))

# Freestanding guests: tests/tcg/guest/NAME.c -> NAME.bin, an image for -kernel.
GUEST_CFLAGS := -std=gnu11 -O2 -g -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only -fno-stack-protector -Wall -Wextra
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,-T,tests/tcg/guest/link.ld -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments
GUESTS := $(patsubst %.c,$(B)/%.bin,$(wildcard tests/tcg/guest/*.c))
$(B)/tests/tcg/guest/%.bin: tests/tcg/guest/%.c tests/tcg/guest/head.S $(wildcard tests/tcg/guest/*.h) tests/tcg/guest/link.ld Makefile
	@echo "  GUEST   $@"
	@mkdir -p $(@D)
	@gcc $(GUEST_CFLAGS) $(GUEST_LDFLAGS) -Itests/tcg/guest tests/tcg/guest/head.S $< -o $(B)/tests/tcg/guest/$*.elf
	@objcopy -O binary $(B)/tests/tcg/guest/$*.elf $@

tests: $(TEST_PROGS) $(GUESTS)

setup:
	@scripts/setup

# The packages come first, and then a make that sees them.
demo:
	@scripts/setup
	@$(MAKE) all
	@scripts/demo $(if $(filter-out 0,$(INTERACTIVE)),--interactive)

check:
	@scripts/setup
	@$(MAKE) all tests
	@tests/run --build $(B) $(ARGS)

check-long:
	@scripts/setup
	@$(MAKE) all tests
	@$(MAKE) MODE=asan all tests
	@$(MAKE) MODE=ubsan all tests
	@tests/run --build build/opt,build/asan,build/ubsan --long $(ARGS)

# The objects are looked at, too: lint wants them built.
lint: all
	@scripts/lint --objects $(B)

check-headers:
	@scripts/lint --only headers

BENCH_RUNS ?= 3
bench: all
	@scripts/peer
	@tests/bench/compare -n $(BENCH_RUNS) $(ARGS) 'build/ramjet' 'qemu-system-x86_64 -accel tcg -cpu max'
	@tests/bench/plug_time
	@tests/bench/window_cost

# Random instruction sequences, natively and translated. SEED=n repeats a run, TIME=seconds bounds it.
SEED ?= 0
TIME ?= 60
fuzz-cpu: $(B)/tests/fuzz/fuzz_cpu
	@$(B)/tests/fuzz/fuzz_cpu --seed $(SEED) --time $(TIME) $(ARGS)

# ---- the rest

sources:
	@scripts/sources --write

print-cflags:
	@echo '$(ALL_CFLAGS)'

clean:
	rm -rf build

help:
	@echo 'make                     build build/opt/ramjet, linked as build/ramjet'
	@echo 'make MODE=dbg            the same in build/dbg; also asan, ubsan, tsan, cov'
	@echo 'make WITHOUT="sdl2 lz4"  leave out libraries: $(LIB_NAMES)'
	@echo 'make demo                boot Debian, plug a DIMM, use it, pull it out (INTERACTIVE=1: shell and monitor)'
	@echo 'make check               lint, unit, device, instruction and boot tests (ARGS="-k word" picks some)'
	@echo 'make check-long          all of it, more kernels, and the sanitizer builds'
	@echo 'make lint                layers, headers, state, form'
	@echo 'make check-headers       each header alone'
	@echo 'make fuzz-cpu SEED= TIME=  random instructions against this host (seconds)'
	@echo 'make bench               time against QEMU 10 (installs it)'
	@echo 'make sources             write sources.mk anew from the files that are there'
	@echo 'make clean               remove build/'

-include $(OBJS:.o=.d) $(TEST_SRCS:%.c=$(B)/%.d)
