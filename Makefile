# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
#
# The everyday targets. CMake is the build; this file names its presets and the test layers.
#
#   make deps        install the Debian packages that weft is built and tested with (root)
#   make             build into build/
#   make demo        three hosts on this machine, joined, pinged, killed and cleaned up (root)
#   make test        all test layers (root); each is a target of its own:
#                    lint-quick test-unit test-model test-sim test-fuzz test-netns test-package
#   make test-fresh  a thousand seeds of the simulator that are new with every change
#   make coverage    lines and branches that tests reach, by room (root)
#   make lint        format, cppcheck, clang-tidy
#   make bench       measurements beside other programs, never part of pass or fail (root);
#                    ONLY=gossip|leases|attach|program|crowd|traffic|simulated|kept
#   make install     DESTDIR= PREFIX=/usr
#   make uninstall   takes what make install puts there away again; the same DESTDIR= PREFIX=
#   make deb         the Debian package: build/deb/weft_VERSION_ARCH.deb
#   make clean

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := all

PREFIX ?= /usr
JOBS ?= $(shell nproc)
# For each fuzzer; by hand an hour is SECONDS=3600.
SECONDS ?= 10
# Debian's python3 has Debian's pytest; another one may stand before it in PATH.
PYTHON := /usr/bin/python3
# What only computes leaves the cores to what measures time beside it.
STEP_BACK := nice
export DESTDIR
export PYTHONDONTWRITEBYTECODE := 1

PACKAGES := \
	build-essential cmake ninja-build pkg-config git ca-certificates \
	libsodium-dev libuv1-dev libmsgpack-dev libnl-3-dev libnl-genl-3-dev libnl-route-3-dev \
	libsqlite3-dev libmicrohttpd-dev libjansson-dev libnftables-dev libcyaml-dev \
	libsystemd-dev libcmocka-dev \
	python3 python3-pytest python3-pytest-xdist sqlite3 iproute2 nftables iptables tcpdump iputils-ping \
	curl procps util-linux clang libclang-rt-14-dev clang-format clang-tidy cppcheck serf spin \
	debhelper lintian debootstrap apparmor strace man-db zsh fish \
	containernetworking-plugins iperf3

.PHONY: all deps build build-asan build-fuzz build-kill build-sim demo test test-unit test-model \
	test-sim test-fresh test-fuzz test-netns test-package coverage bench peers lint lint-quick \
	install uninstall deb clean

all: build

deps:
	@bash packaging/deps.sh $(PACKAGES)

build/build.ninja:
	cmake --preset default

build-asan/build.ninja:
	cmake --preset asan

build-fuzz/build.ninja:
	cmake --preset fuzz

build: build/build.ninja
	cmake --build build --parallel $(JOBS)

build-asan: build-asan/build.ninja
	cmake --build build-asan --parallel $(JOBS)

build-kill/build.ninja:
	cmake --preset kill

build-kill: build-kill/build.ninja
	cmake --build build-kill --target weftd --parallel $(JOBS)

build-sim/build.ninja:
	cmake --preset sim

build-sim: build-sim/build.ninja
	cmake --build build-sim --target weft-sim --parallel $(JOBS)

build-fuzz: build-fuzz/build.ninja
	cmake --build build-fuzz --target fuzz --parallel $(JOBS)

# What needs packages first asks for them in an order that make -j keeps.
demo: deps
	$(MAKE) build
	bash packaging/demo.sh </dev/null

# Namespaces and packages mostly wait, so they go beside what computes: once all is built, two targets
# at once, in this order, and the output of each in one piece when it is done.
test: peers
	$(MAKE) lint-quick
	$(MAKE) test-unit
	$(MAKE) build-kill build-sim build-fuzz
	$(MAKE) --no-print-directory -j 2 --output-sync=target BUILT=yes \
		test-netns test-model test-package test-sim test-fuzz

# What tests need built; nothing where make test has just built it all, so that its targets begin in
# their order.
built = $(if $(BUILT),,$(1))

test-unit: build build-asan
	ctest --test-dir build -LE 'sim|model' --output-on-failure --no-tests=error -j $(JOBS)
	ctest --test-dir build-asan -LE 'sim|model' --output-on-failure --no-tests=error -j $(JOBS)

test-model: $(call built,build)
	$(STEP_BACK) ctest --test-dir build -L model --output-on-failure --no-tests=error -j $(JOBS)

test-sim: $(call built,build build-asan)
	$(STEP_BACK) ctest --test-dir build-asan -R 'sim_(sanitized|checks)' --output-on-failure --no-tests=error
	$(STEP_BACK) ctest --test-dir build -L sim -LE 'fresh|sanitized' --output-on-failure --no-tests=error -j $(JOBS)
	$(MAKE) test-fresh

# A thousand seeds that nobody has run; says how often each fault happened. They take minutes of all
# cores, so their simulator is worth a build of its own.
test-fresh: $(call built,build-sim)
	$(STEP_BACK) ctest --test-dir build-sim -L fresh --verbose --no-tests=error

test-fuzz: $(call built,build-fuzz)
	$(STEP_BACK) bash test/fuzz/run.sh build-fuzz/test/fuzz $(SECONDS) </dev/null

test-netns: $(call built,build build-kill)
	$(PYTHON) -m pytest test/netns -q -n 3 --dist loadgroup -p no:cacheprovider </dev/null

# Fetches a clean Debian for the run from where this machine's packages come from.
test-package: $(call built,build)
	$(PYTHON) -m pytest test/packaging -q -p no:cacheprovider </dev/null

# Not of make test: how much of the code the quick tests reach, by room. The long ones (soak, kill
# points) end daemons in ways that leave no counts. The manual pages, which the build made before its
# counts go, are made once more. All of it lies in build-coverage.
coverage: peers
	$(MAKE) build-kill
	cmake --preset coverage
	cmake --build build-coverage --parallel $(JOBS)
	find build-coverage -name '*.gcda' -delete
	for template in packaging/man/*.in packaging/completion/*.in packaging/weft.yaml.in; do \
		build-coverage/packaging/weft-pages "$$template" >/dev/null; \
	done
	ctest --test-dir build-coverage -LE 'sim|model' -E tidy --output-on-failure -j $(JOBS)
	build-coverage/bin/weft-sim --seeds 30 --first 1
	WEFT_BUILD=$(CURDIR)/build-coverage $(PYTHON) -m pytest test/netns -q -n 3 --dist loadgroup \
		-p no:cacheprovider -k 'not soak and not kill' </dev/null
	$(PYTHON) test/tidy/coverage.py . build-coverage

# What `make bench`, and its smoke run among the tests, measure beside weft.
peers: deps
	$(MAKE) build/peers/usr/bin/etcd

# Only unpacked: installed, it would start a service.
build/peers/usr/bin/etcd:
	mkdir -p build/peers
	apt-get -q -y update </dev/null
	cd build/peers && apt-get -q -o APT::Sandbox::User=root download etcd-server </dev/null
	dpkg-deb --extract build/peers/etcd-server_*.deb build/peers
	rm build/peers/etcd-server_*.deb

# One group of measures: make bench ONLY=gossip. Other sizes: make bench ONLY=gossip SET='kills=20 sizes=100'
bench: peers
	$(MAKE) build
	$(PYTHON) test/bench/bench.py --build build $(addprefix --only ,$(ONLY)) \
		$(addprefix --set ,$(SET)) $(if $(filter smoke,$(BENCH)),--smoke) </dev/null

C_FILES = $(shell find gossip ipamdb store overlay daemon cli packaging test -name '*.[ch]' | LC_ALL=C sort)
LINT_UNITS = $(filter %.c,$(C_FILES))
# Kill points are of a preset of their own, which clang-tidy does not look into.
TIDY_UNITS = $(filter-out test/kill/%,$(LINT_UNITS))

# What takes seconds of lint; part of make test.
lint-quick:
	@clang-format --dry-run --Werror $(C_FILES)
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j $(JOBS) \
		--library=posix --library=test/tidy/cppcheck.cfg \
		-D'weft_assert_failed(expr,file,line)=abort()' \
		--suppressions-list=test/tidy/cppcheck.txt --suppress=missingIncludeSystem \
		--enable=warning,performance,portability \
		-D_GNU_SOURCE -DWEFT_VERSION='"0"' -I . $(LINT_UNITS)

lint: build/build.ninja lint-quick
	printf '%s\n' $(TIDY_UNITS) | xargs -P $(JOBS) -n 4 clang-tidy --quiet -p build

install: build
	cmake --install build --prefix "$(PREFIX)"

uninstall: build
	bash packaging/uninstall.sh build "$(PREFIX)"

deb: build
	bash packaging/deb.sh build

clean:
	rm -rf build build-asan build-fuzz build-kill build-sim build-coverage
