# The commands of the project. `make demo` shows what it does, `make test` proves it; both start from a bare Debian 12.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
JOBS ?= $(shell nproc)
MINUTES ?= 10
RUNS ?= 10000
PACKAGES := $(shell grep -v '^\#' packaging/debian-packages.txt)
TEST_PACKAGES := $(shell grep -v '^\#' packaging/test-packages.txt)
BENCH_PACKAGES := $(shell grep -v '^\#' packaging/bench-packages.txt)
# Debian's own interpreter, for which the packages above are; another python3 may stand before it in PATH.
export PYTHON := /usr/bin/python3
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)

.PHONY: help deps deps-test deps-bench build deb test test-release test-sanitized demo fuzz asan tsan bench soak format tidy clean

help:
	@echo 'make demo [KEEP=1]     install, build, and show the main job whole; KEEP=1 leaves the server running'
	@echo 'make test              install, build, and run every test (what CI runs)'
	@echo 'make build             build/release/bin/holdfast'
	@echo 'make deb               build/release/holdfast_VERSION_ARCH.deb'
	@echo 'make deps              install the Debian packages that building needs'
	@echo 'make asan              the unit tests of every room under the sanitizers of g++, those with coroutines too'
	@echo 'make tsan              the same under the thread sanitizer, and the whole server under load for a minute'
	@echo 'make fuzz MINUTES=10   every fuzz target for that long'
	@echo 'make bench             every figure beside its peer: nginx, PostgreSQL, SHA-256; ONLY=read,deposit ROUNDS=1 SECONDS_EACH=1'
	@echo 'make soak RUNS=10000    the server under faults of disk, power, clock, memory and clients; SEED=n plays it again'
	@echo 'make format tidy clean'

# Asks dpkg, so that a machine that has everything needs neither root nor a network.
define INSTALL
missing=(); for package in $(1); do \
  dpkg-query -W -f='$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$$package"); done; \
if (( $${#missing[@]} )); then \
  echo "installing $${missing[*]}"; \
  as_root=(); if (( EUID )); then as_root=(sudo); fi; \
  "$${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q; \
  "$${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$${missing[@]}"; \
fi
endef

deps:
	@$(call INSTALL,$(PACKAGES))

deps-test: deps
	@$(call INSTALL,$(TEST_PACKAGES))

# The bench starts a PostgreSQL of its own and leaves alone the one that Debian's package sets up.
deps-bench: deps
	@$(call INSTALL,$(BENCH_PACKAGES))

build: deps
	cmake --preset release
	cmake --build --preset release

# Every test once: the built programs as they are shipped; then the rooms under clang's sanitizers, and ten seconds of
# every fuzzer.
test: test-release test-sanitized
	@echo 'make test: all passed'

test-release: deps-test build
	ctest --preset release -LE unit -j $(JOBS)

test-sanitized: deps
	cmake --preset fuzz
	cmake --build --preset fuzz --target all unit_tests
	HOLDFAST_FUZZ_SECONDS=10 ctest --test-dir build/fuzz --output-on-failure -j $$(( 2 * $(JOBS) ))

asan: deps
	cmake --preset asan
	cmake --build --preset asan --target unit_tests
	ctest --preset asan -L 'unit|plain' -E '^sealed$$' -j $(JOBS)

# Not those that fork a process with threads: this sanitizer ends it.
tsan: export TSAN_OPTIONS := suppressions=$(CURDIR)/tests/fault/tsan.supp detect_deadlocks=0 exitcode=66
tsan: deps-test
	cmake --preset tsan
	cmake --build --preset tsan --target unit_tests holdfast holdfast-sealed-worker
	GTEST_FILTER='-Durability.*:*Kill9*' ctest --test-dir build/tsan -L unit --output-on-failure -j $(JOBS)
	HOLDFAST_BINARY=$(CURDIR)/build/tsan/bin/holdfast $(PYTHON) tests/fault/races.py 60

fuzz: deps
	cmake --preset fuzz
	cmake --build --preset fuzz
	HOLDFAST_FUZZ_SECONDS=$$(( $(MINUTES) * 60 )) ctest --test-dir build/fuzz -L fuzz --output-on-failure -j $(JOBS) --timeout 0

# The unit, man pages and completions around the program; the tests are not built for it.
deb: deps
	cmake --preset release
	cmake --build --preset release --target packaged_files
	cd build/release && cpack -G DEB
	@ls build/release/holdfast_*.deb

demo: deps
	cmake --preset release
	cmake --build --preset release --target holdfast holdfast-sealed-worker shortvideo_views shortvideo_modules shortvideo_trainer \
	  shortvideo_ranker shortvideo_quality
	KEEP='$(KEEP)' examples/shortvideo/demo.sh build/release

bench: build deps-bench
	bench/run.sh build/release

soak: build
	HOLDFAST_BINARY=$(CURDIR)/build/release/bin/holdfast HOLDFAST_FAULTY_FS=$(CURDIR)/build/release/tests/libfaulty_fs.so \
	  $(PYTHON) tests/fault/campaign.py --runs $(RUNS) --processes $(JOBS) $(if $(SEED),--seed $(SEED))

format:
	git ls-files '*.cc' '*.h' | xargs clang-format-14 -i

tidy: build
	git ls-files 'src/*.cc' | grep -Ev '_fuzz\.cc$$' | xargs -P $(JOBS) -n 4 clang-tidy-14 -p build/release --quiet

clean:
	rm -rf build
