# exigrey: greylisting for Exim.  See README.md; "make help" lists the targets.

VERSION		= 0.1.0
PREFIX		= /usr/local
LIBDIR		= $(PREFIX)/lib
SBINDIR		= $(PREFIX)/sbin
MANDIR		= $(PREFIX)/share/man
UNITDIR		= $(PREFIX)/lib/systemd/system
CRONDIR		= /etc/cron.d
SYSCONFDIR	= /etc
COMPLETIONDIR	= $(PREFIX)/share/bash-completion/completions
DESTDIR		=

INSTALL		= install
PKG_CONFIG	= pkg-config
# Where Exim keeps its spool, should a running Exim not tell: asked from the
# Exim of this machine, if there is one.
SPOOL_DIRECTORY := $(shell tests/spool-directory)

# BUILD may name another folder, for a build with other flags.
BUILD		= build
CFLAGS		?= -O2 -g
WARNINGS	= -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes \
		  -Wstrict-prototypes -Wvla -Wformat=2 -Werror
# What of it this compiler has for this machine and the user's own flags allow.
takes		= $(shell $(CC) -Werror $(1) $(CFLAGS) $(CPPFLAGS) \
		  -include string.h -c -x c /dev/null -o /dev/null \
		  2>/dev/null && echo '$(1)')
HARDENING_FLAGS	= -fstack-protector-strong -fstack-clash-protection \
		  -fcf-protection -mbranch-protection=standard \
		  -D_FORTIFY_SOURCE=3
HARDENING	:= $(foreach flag,$(HARDENING_FLAGS),$(call takes,$(flag)))
# Debian 12's crti.o does not say that it can do with a shadow stack; it can.
SHADOW_STACK	= -Wl,-z,shstk
LINK_HARDENING	= -Wl,-z,relro -Wl,-z,now -Wl,--as-needed \
		  $(if $(filter -fcf-protection,$(HARDENING)),$(SHADOW_STACK))
ALL_CFLAGS	= -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -fPIC \
		  -fvisibility=hidden -ffunction-sections -MMD -MP -Ishared \
		  -DEXIGREY_VERSION='"$(VERSION)"' \
		  -DSPOOL_DIRECTORY='"$(SPOOL_DIRECTORY)"' \
		  -DCONFIG_FILE='"$(SYSCONFDIR)/exigrey.conf"' \
		  $(WARNINGS) $(HARDENING) $(CFLAGS) $(CPPFLAGS)
ALL_LDFLAGS	= $(LINK_HARDENING) -Wl,--gc-sections $(LDFLAGS)
FLAGS		= $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)

# Berkeley DB is loaded when a file of it is used; only its header is needed.
# (\043 is a number sign: releases of make differ in how one is quoted here.)
HAS_BERKELEY	:= $(shell printf \
		  '\043include <db.h>\nint v[%s ? 1 : -1];\n\043ifdef %s\n!\n\043endif\n' \
		  'DB_VERSION_MAJOR == 5 && DB_VERSION_MINOR == 3' \
		  WITHOUT_BERKELEY_DB | \
		  $(CC) $(CPPFLAGS) -fsyntax-only -x c - 2>/dev/null && echo yes)
ifeq ($(HAS_BERKELEY)$(filter clean help format lint,$(MAKECMDGOALS)),)
$(info no <db.h> of Berkeley DB 5.3 (libdb5.3-dev): its files cannot be read)
endif

# libbsd's overlay: <string.h> and others with what the BSDs have.
BSD_CFLAGS	= $(shell $(PKG_CONFIG) --cflags libbsd-overlay)
COMMAND_CFLAGS	= $(BSD_CFLAGS) $(shell $(PKG_CONFIG) --cflags libpcre2-8 libcares)
COMMAND_LIBS	= $(shell $(PKG_CONFIG) --libs libbsd-overlay libpcre2-8 \
		  libcares)

SHARED_OBJECTS	= $(patsubst %.c,$(BUILD)/objects/%.o,$(wildcard shared/*.c))
DLFUNC_OBJECTS	= $(patsubst %.c,$(BUILD)/objects/%.o,$(wildcard dlfunc/*.c))
COMMAND_OBJECTS	= $(patsubst %.c,$(BUILD)/objects/%.o,$(wildcard exigrey/*.c))
UNIT_TESTS	= $(patsubst tests/unit/%.c,$(BUILD)/tests/%.t, \
		  $(filter-out $(if $(HAS_BERKELEY),,%/bdb.c), \
		  $(wildcard tests/unit/*.c)))
$(BUILD)/tests/bdb.t: TEST_LIBS = -ldb-5.3
# What these test is the command's.
COMMAND_TESTS	= $(patsubst %,$(BUILD)/tests/%.t,mailbox suspects)
$(COMMAND_TESTS): TEST_CFLAGS = $(COMMAND_CFLAGS)
$(COMMAND_TESTS): TEST_LIBS = $(COMMAND_LIBS)
# These run for each kind of database: NAME-bdb.t is the same program.
BERKELEY_TESTS	= $(if $(HAS_BERKELEY),$(patsubst %,$(BUILD)/tests/%-bdb.t, \
		  greydb killed kill_random concurrent))
# Tests in C that scripts drive.
TEST_PROGRAMS	= $(patsubst tests/programs/%.c,$(BUILD)/tests/%, \
		  $(wildcard tests/programs/*.c))
# What tests preload into Exim.
PRELOADED	= $(patsubst tests/preload/%.c,$(BUILD)/tests/%.so, \
		  $(wildcard tests/preload/*.c))
BENCH_PROGRAMS	= $(patsubst tests/bench/%.c,$(BUILD)/tests/%, \
		  $(filter-out tests/bench/floor.c,$(wildcard tests/bench/*.c))) \
		  $(BUILD)/tests/floor.so
# Many processes on one database; make stress.
STRESS_OBJECTS	= $(patsubst %.c,$(BUILD)/objects/%.o, \
		  $(wildcard tests/stress/*.c))
MANUALS		= $(wildcard doc/*.[578])

.PHONY: all help deps check demo lint format install uninstall clean
all: $(BUILD)/exigrey.so $(BUILD)/exigrey

help:
	@sed -n 's/^## //p' Makefile

## make              build/exigrey.so and build/exigrey
$(BUILD)/exigrey.so: $(DLFUNC_OBJECTS) $(SHARED_OBJECTS) dlfunc/exports.map
	$(CC) -shared $(CFLAGS) $(ALL_LDFLAGS) \
	    -Wl,--version-script=dlfunc/exports.map -o $@ \
	    $(DLFUNC_OBJECTS) $(SHARED_OBJECTS)

$(BUILD)/exigrey: $(COMMAND_OBJECTS) $(SHARED_OBJECTS)
	$(CC) -pie $(CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(COMMAND_LIBS)

$(BUILD)/objects/exigrey/%.o: exigrey/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(COMMAND_CFLAGS) -c -o $@ $<

$(BUILD)/objects/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Changes when the flags do, so that everything is then built anew.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || \
	    echo '$(subst ','\'',$(FLAGS))' > $@
FORCE:

## make deps         install what build, demo and tests need (apt-get)
deps:
	@tests/deps

## make demo         greylist a message in a private Exim, step by step
demo: deps
	@$(MAKE) --no-print-directory all
	@tests/demo $(BUILD)

## make check        all tests
check: deps
	@tests/deps check
	@$(MAKE) --no-print-directory run-tests

# What failing tests say stands below the summary, where a log that was cut
# still has it.
.PHONY: run-tests
run-tests: all $(UNIT_TESTS) $(BERKELEY_TESTS) $(TEST_PROGRAMS) $(PRELOADED) \
    $(BENCH_PROGRAMS) $(BUILD)/tests/stress \
    $(if $(filter build,$(BUILD)),fuzz-targets-if-possible)
	EXIGREY_BUILD=$(BUILD) prove $(PROVEFLAGS) --timer \
	    $(UNIT_TESTS) $(BERKELEY_TESTS) $(wildcard tests/*.t) \
	    2>$(BUILD)/tests/messages || { cat $(BUILD)/tests/messages >&2; false; }

$(BUILD)/tests/%-bdb.t: $(BUILD)/tests/%.t
	ln -sf $*.t $@

$(BUILD)/tests/%.t: tests/unit/%.c $(SHARED_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) -Wl,--export-dynamic $(LDFLAGS) \
	    -o $@ $< \
	    $(SHARED_OBJECTS) -lcmocka -lgdbm $(TEST_LIBS)

$(BUILD)/tests/%: tests/programs/%.c $(SHARED_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(SHARED_OBJECTS) -lgdbm

$(BUILD)/tests/%.so: tests/preload/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) -shared $(ALL_CFLAGS) -fno-sanitize=all $(LDFLAGS) -o $@ $< -ldl

DOMAINS_OBJECTS	= $(patsubst %,$(BUILD)/objects/exigrey/%.o,domains signals)
$(BUILD)/tests/domains: tests/programs/domains.c $(DOMAINS_OBJECTS) \
    $(SHARED_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Iexigrey -o $@ $< \
	    $(DOMAINS_OBJECTS) $(SHARED_OBJECTS) -lcares

$(BUILD)/tests/stress: $(STRESS_OBJECTS) $(SHARED_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

$(BUILD)/tests/%.so: tests/bench/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) -shared $(ALL_CFLAGS) -fno-sanitize=all $(LDFLAGS) -o $@ $<

$(BUILD)/tests/%: tests/bench/%.c $(SHARED_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(SHARED_OBJECTS) -lgdbm

## make crash        kill writers at every write of 3000 operations and of
##                   rewrites, and 10,000 times at random; lose power in
##                   30,000 ways; recover a million records under load
##                   (10 minutes)
CRASH_TESTS	= $(patsubst %,$(BUILD)/tests/%.t, \
		  killed kill_random killed-bdb kill_random-bdb bdb \
		  power_loss power_loss-bdb recovery)
.PHONY: crash
crash: deps
	@$(MAKE) --no-print-directory $(CRASH_TESTS)
	EXIGREY_CRASH_OPERATIONS=3000 $(BUILD)/tests/killed.t
	EXIGREY_CRASH_KILLS=10000 $(BUILD)/tests/kill_random.t
	EXIGREY_CRASH_OPERATIONS=1000 $(BUILD)/tests/killed-bdb.t
	EXIGREY_CRASH_KILLS=10000 $(BUILD)/tests/kill_random-bdb.t
	EXIGREY_DAMAGES=1000 $(BUILD)/tests/bdb.t
	EXIGREY_POWER_STATES=10000 $(BUILD)/tests/power_loss.t
	EXIGREY_POWER_STATES=3000 $(BUILD)/tests/power_loss-bdb.t
	EXIGREY_RECOVERY_RECORDS=1000000 $(BUILD)/tests/recovery.t

## make stress       64 processes on one database for a minute, some killed, and
##                   Exim reading it: is every answer right? (5 minutes)
.PHONY: stress
stress: deps
	@$(MAKE) --no-print-directory all $(BUILD)/tests/stress $(TEST_PROGRAMS)
	EXIGREY_STRESS_PROCESSES=64 EXIGREY_STRESS_SECONDS=60 \
	    EXIGREY_BUILD=$(BUILD) prove -v tests/stress.t

## make check-sanitize  all tests, built with gcc's address and undefined
##                   behaviour sanitizers
SANITIZE	= -O1 -g -fsanitize=address,undefined \
		  -fno-sanitize-recover=all -fno-omit-frame-pointer \
		  -U_FORTIFY_SOURCE
.PHONY: check-sanitize
check-sanitize: deps
	tests/sanitized $(MAKE) --no-print-directory run-tests CC=gcc \
	    BUILD=$(BUILD)/sanitize CFLAGS='$(SANITIZE)'

## make check-valgrind  the unit tests, and some of the command's and of Exim's,
##                   under valgrind's memcheck
# The processes of killed.t end themselves in the midst of a call of libgdbm,
# which then holds memory that nothing points to; those of corrupt.t have only
# five seconds; in bdb.t the library reads beyond pages that were damaged.
VALGRIND_TESTS	= $(filter-out %/killed.t %/corrupt.t %/bdb.t,$(UNIT_TESTS)) \
		  tests/command-decision.t tests/exim-errors.t \
		  tests/exim-failure.t tests/exim-greylist.t \
		  tests/exim-matrix.t
.PHONY: check-valgrind
check-valgrind: deps
	@tests/deps valgrind
	@$(MAKE) --no-print-directory all $(UNIT_TESTS) $(TEST_PROGRAMS)
	tests/valgrind $(BUILD) $(VALGRIND_TESTS)

## make corrupt      5000 damaged files, and what becomes of each (5 minutes)
.PHONY: corrupt
corrupt: deps
	@$(MAKE) --no-print-directory all $(BUILD)/tests/corrupt.t
	EXIGREY_CORRUPTIONS=5000 EXIGREY_BUILD=$(BUILD) $(BUILD)/tests/corrupt.t

## make fuzz         give the parsers and the GDBM driver nonsense, for SECONDS
##                   (600) each, two at a time (30 minutes; needs clang)
SECONDS		= 600
FUZZ		= build/fuzz
FUZZ_TARGETS	= $(patsubst tests/fuzz/%.c,$(FUZZ)/targets/%, \
		  $(wildcard tests/fuzz/*.c))
FUZZ_SANITIZERS	= address,undefined
FUZZ_CFLAGS	= -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all \
		  -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZERS)
.PHONY: fuzz fuzz-targets fuzz-targets-if-possible
fuzz: deps
	@tests/deps check
	@tests/fuzz/possible
	@$(MAKE) --no-print-directory fuzz-targets
	@tests/fuzz/run $(FUZZ) $(SECONDS)

# Everything anew, by clang and with its sanitizers.
fuzz-targets:
	@$(MAKE) --no-print-directory BUILD=$(FUZZ) CC=clang HARDENING= \
	    LDFLAGS= CFLAGS='$(FUZZ_CFLAGS)' $(FUZZ_TARGETS)

# If not, tests/fuzz.t says why.
fuzz-targets-if-possible:
	@! tests/fuzz/possible >/dev/null || \
	    $(MAKE) --no-print-directory fuzz-targets

FUZZED_OBJECTS	= $(SHARED_OBJECTS) $(patsubst %,$(BUILD)/objects/exigrey/%.o, \
		  courier dump escape mailbox moment)
$(BUILD)/targets/%: tests/fuzz/%.c $(FUZZED_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(COMMAND_CFLAGS) \
	    -fsanitize=fuzzer,$(FUZZ_SANITIZERS) -o $@ $< $(FUZZED_OBJECTS) \
	    $(COMMAND_LIBS)

## make check-matrix the same exigrey.so in this machine's Exim, in one built with
##                   GDBM, and in those of MATRIX (trixie sid), which are made
##                   with debootstrap if need be (1 minute; needs root)
MATRIX		= trixie sid
.PHONY: check-matrix
check-matrix: deps
	@tests/deps matrix
	@$(MAKE) --no-print-directory all
	EXIGREY_BUILD=$(BUILD) EXIGREY_MATRIX='$(MATRIX)' \
	    prove tests/exim-matrix.t

## make bench        what a call costs, beside its floor, at any size and under
##                   load; table, JSON and plots in build/bench (10 minutes)
.PHONY: bench
bench: deps
	@tests/deps bench
	@$(MAKE) --no-print-directory all $(BENCH_PROGRAMS)
	@EXIGREY_BUILD=$(BUILD) tests/bench/bench

## make bench-kinds  what a call costs on GDBM and on Berkeley DB (3 minutes)
.PHONY: bench-kinds
bench-kinds: deps
	@$(MAKE) --no-print-directory all $(BENCH_PROGRAMS)
	@EXIGREY_BUILD=$(BUILD) tests/bench/kinds $(RECORDS)

## make bench-flood  5 million keys that come once: file, calls, purge (3 minutes)
.PHONY: bench-flood
bench-flood: deps
	@$(MAKE) --no-print-directory all $(BENCH_PROGRAMS)
	@EXIGREY_BUILD=$(BUILD) tests/bench/flood $(RECORDS)

## make bench-smtp   mail over SMTP, beside a floor without a database, Exim's
##                   "seen", greylistd, postgrey and SQLite; table and JSON in
##                   build/bench (30 minutes; MATRIX=full: 2 hours; MILLION=1:
##                   a million recipients instead, wrong answers counted)
.PHONY: bench-smtp
bench-smtp: deps
	@tests/deps peers
	@$(MAKE) --no-print-directory all $(BENCH_PROGRAMS)
	@EXIGREY_BUILD=$(BUILD) tests/bench/smtp \
	    $(if $(filter full,$(MATRIX)),--full) $(if $(MILLION),--million) \
	    $(if $(ROUNDS),--rounds $(ROUNDS))

## make bench-commands  what each command costs on a million records
.PHONY: bench-commands
bench-commands: deps
	@$(MAKE) --no-print-directory all $(BENCH_PROGRAMS)
	@EXIGREY_BUILD=$(BUILD) tests/bench/commands $(RECORDS)

## make bench-domains  20,000 domains of a name server that takes 50 ms
.PHONY: bench-domains
bench-domains: deps
	@$(MAKE) --no-print-directory $(BUILD)/tests/domains
	@EXIGREY_BUILD=$(BUILD) tests/bench/domains $(DOMAINS)

## make bench-trap   what trap scan costs on a million records that wait, and with
##                   DNS (2 minutes)
.PHONY: bench-trap
bench-trap: deps
	@$(MAKE) --no-print-directory all $(BENCH_PROGRAMS)
	@EXIGREY_BUILD=$(BUILD) tests/bench/trap $(RECORDS)

## make bench-whitelist  what a look-up costs in a whitelist of 100,000 networks
.PHONY: bench-whitelist
bench-whitelist: deps
	@$(MAKE) --no-print-directory $(BUILD)/tests/whitelist
	@$(BUILD)/tests/whitelist $(NETWORKS)

## make fuzz-policy  1,000,000 requests of any kind to exigrey policy
.PHONY: fuzz-policy
fuzz-policy: deps
	@$(MAKE) --no-print-directory all $(TEST_PROGRAMS)
	EXIGREY_BUILD=$(BUILD) EXIGREY_FUZZ=1000000 \
	    prove tests/command-policy-server.t

## make fuzz-courier  1,000,000 messages of any kind to exigrey courier: is each
##                   answered, and does nothing grow? (1 minute)
.PHONY: fuzz-courier
fuzz-courier: deps
	@$(MAKE) --no-print-directory all $(TEST_PROGRAMS)
	EXIGREY_BUILD=$(BUILD) EXIGREY_FUZZ=1000000 \
	    prove -v tests/command-courier.t

## make lint         clang-format, clang-tidy, cppcheck, mandoc, layers
lint:
	@tests/deps lint
	@tests/lint $(ALL_CFLAGS) -Iexigrey $(COMMAND_CFLAGS)

## make format       let clang-format lay out the sources
format:
	clang-format -i $(wildcard */*.[ch] tests/*/*.[ch])

## make install      into PREFIX (/usr/local); DESTDIR, LIBDIR as usual
install: all
	@tests/install-files install '$(BUILD)' '$(DESTDIR)' '$(LIBDIR)' \
	    '$(SBINDIR)' '$(MANDIR)' '$(UNITDIR)' '$(CRONDIR)' \
	    '$(COMPLETIONDIR)'

## make uninstall    remove it again; warns about an ACL that still needs it
uninstall:
	@tests/install-files uninstall '$(BUILD)' '$(DESTDIR)' '$(LIBDIR)' \
	    '$(SBINDIR)' '$(MANDIR)' '$(UNITDIR)' '$(CRONDIR)' \
	    '$(COMPLETIONDIR)'

## make clean        remove build/
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
