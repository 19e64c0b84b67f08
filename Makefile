# make demo   a private I2P network on this machine, with an eepsite and a proxy, in one command
# make check  formatting, types, architecture and the unit tests (fast)
# make test   everything, with networks of real I2P routers; fetches those routers first
# make coverage which lines and branches the unit tests reach; a page in build/coverage
# make native the optional extra: hot paths compiled, for the routers of this tree (build/native)
# make matrix our router with every transport, network and kind of peer; a table of it
# make wheels the wheel and that of the native extra, in dist/, each tried in a clean environment
# make deb    Debian packages for bookworm and trixie, in dist/; as root, SUITES="trixie" for one
# make onefile the program in one file, for a plain Python of this version
# make worlds networks of hundreds and thousands of routers in virtual time; tables and curves
# make bench  throughput and CPU beside i2pd's, on one loopback network; NATIVE=1 with the extra

# The distribution's Python where it can build all of this: it is what users have, and an optimised
# build, which one from elsewhere may not be (a fifth more CPU).
CAN_BUILD := import ensurepip, os, sys, sysconfig; header = sysconfig.get_path("include") + "/Python.h"; \
	sys.exit(sys.version_info < (3, 11) or not os.path.exists(header))
PYTHON ?= $(shell /usr/bin/python3 -c '$(CAN_BUILD)' 2>/dev/null && echo /usr/bin/)python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
READY := $(VENV)/.ready
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location
# Into a virtual environment it makes no difference who root is.
export PIP_ROOT_USER_ACTION := ignore
# pytest rewrites each assertion anew, and each program compiles itself, when this is set.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo check lint unit coverage world worlds test native unit-native interop interop-alone interop-native slow matrix peers fuzz wheels deb onefile bench clean
# One step after the other, also under make -j: tests measure time, and logs stay readable.
.NOTPARALLEL:

BEGAN := $(shell date +%s)

demo: $(RUNTIME)
	$(BIN)/i2ptunnel demo

# What the program needs to run, and nothing else.
$(RUNTIME): pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(MAKE) --no-print-directory venv-without-ensurepip
	$(PIP) --editable .
	@touch $@

# With the linters and the test tools.
$(READY): $(RUNTIME)
	$(PIP) --editable '.[dev]'
	@touch $@

# Debian splits pip out of python3: take it from its package, without root, into the venv only.
PIP_PACKAGE := $(VENV)/pip-package
NO_PIP = { rm -rf $(VENV); echo "make: python3 has no ensurepip, and its package cannot be fetched." \
	"Run: apt-get update, and make again; or: apt-get install python3-venv" >&2; exit 1; }
.PHONY: venv-without-ensurepip
venv-without-ensurepip:
	@rm -rf $(VENV)
	@$(PYTHON) -m venv --without-pip $(VENV)
	@mkdir -p $(PIP_PACKAGE)
	@cd $(PIP_PACKAGE) && apt-get -qq -o APT::Sandbox::User=root download python3-pip-whl >log 2>&1 && \
		dpkg-deb -x python3-pip-whl_*.deb . || { cat log >&2; cd $(CURDIR); $(NO_PIP); }
	@PYTHONPATH=$$(ls $(PIP_PACKAGE)/usr/share/python-wheels/pip-*.whl) $(PIP) pip
	@rm -rf $(PIP_PACKAGE)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Unit tests share nothing: a process for each of two cores, and a third while others wait.
WORKERS := 2
UNIT = $(BIN)/pytest --numprocesses $(WORKERS) --ignore tests/interop

unit: WORKERS := 3
unit: curl
	I2PTUNNEL_NATIVE=0 $(UNIT) -m 'not slow and not native and not world and not long' tests

# The same tests, measured: which lines ran, and which way each branch went. pyproject.toml has the
# least that must. It takes three times as long, and is no part of make test.
coverage: curl
	@mkdir -p build
	I2PTUNNEL_NATIVE=0 FUZZ_INPUTS=200 $(UNIT) \
		-m 'not slow and not native and not limits and not world' \
		--cov --cov-report=html tests

# Whole routers in virtual time: networks with churn, liars and bad ways. And what takes long.
world: $(READY)
	I2PTUNNEL_NATIVE=0 $(UNIT) -m '(world or long) and not slow' tests

# Larger ones by a command: tables and curves in build/world. SCENARIO="flood --routers 50 --seed 7"
SCENARIO ?= all

worlds: $(READY)
	I2PTUNNEL_NATIVE=0 $(BIN)/python -m tests.world $(SCENARIO)

# Into a directory of its own: the pure code stays what runs unless PYTHONPATH says otherwise.
EXTRA := build/native
HOT := $(shell find core -name '*.py' -o -name '*.pyx' -o -name '*.pxd') core/native/pyproject.toml

native: $(EXTRA)/.ready

$(EXTRA)/.ready: $(READY) $(HOT)
	@echo '#include <openssl/evp.h>' | $(CC) -E - >/dev/null || \
		{ echo "a C compiler and OpenSSL's headers are needed (libssl-dev)" >&2; exit 1; }
	rm -rf $(EXTRA)
	$(PIP) --target $(EXTRA) ./core/native
	@touch $@

# The router's tests with the extra, but for those that put doubles into compiled classes. Those of the
# application meet none of the compiled code but through whole routers, which interop-native has.
unit-native: curl native
	PYTHONPATH=$(EXTRA) $(UNIT) --ignore tests/i2ptunnel --ignore tests/nat \
		-m 'not slow and not doubles and not world and not long' tests

check: lint unit
	@echo "make check: $$(( $$(date +%s) - $(BEGAN) )) s"

# Nothing to do where curl is installed.
curl: $(READY)
	@$(BIN)/python -m tests.support.fetch_curl

peers: curl
	$(BIN)/python -m tests.support.fetch_i2pd
	$(BIN)/python -m tests.support.fetch_irc
	$(BIN)/python -m tests.support.fetch_chromium
	$(BIN)/python -m tests.support.fetch_ssh
	$(BIN)/python -m tests.support.fetch_mail
	$(BIN)/python -m tests.support.fetch_miniupnpd
	$(BIN)/python -m tests.support.fetch_sam
	$(BIN)/python -m tests.support.fetch_prometheus
	$(BIN)/python -m tests.support.fetch_java

# What fails among real routers runs once more, in a fresh network; logs of both in build/gate/flaky.
GATE := build/gate
TWICE = $(BIN)/python -m tests.support.rerun $(GATE)/flaky/$@
# Networks wait more than they compute: as many at once as tests/interop/conftest.py says.
AT_ONCE := --numprocesses auto --dist loadscope

interop: peers
	$(TWICE) $(AT_ONCE) -m 'interop and not slow and not alone' tests/interop

# What measures a loaded router.
interop-alone: peers
	$(TWICE) -m 'interop and not slow and alone' tests/interop

# What carries most, once more with the extra.
interop-native: peers native
	PYTHONPATH=$(EXTRA) $(TWICE) -m 'interop and not slow' \
		tests/interop/test_traffic.py tests/interop/test_transit.py

# The last lines: how long each part took, and what passed only the second time.
test: $(READY)
	@$(BIN)/python -m tests.support.gate $(GATE)

# What is skipped, because a router cannot be built here, is told in the last lines.
slow: peers
	$(BIN)/python -m tests.support.fetch_axe
	$(BIN)/python -m tests.support.fetch_qbittorrent
	$(BIN)/python -m tests.support.fetch_go
	$(BIN)/python -m tests.support.fetch_java
	$(BIN)/python -m tests.support.fetch_built
	$(TWICE) -rs -m slow --timeout 1500 tests

# Every transport, IPv4 and IPv6, every peer; a table of what passed and when. What has passed is not
# run again for 30 days; a run ends within an hour, and the next one goes on.
matrix: peers
	$(BIN)/python -m tests.support.run_matrix build/matrix

# A million hostile inputs for each parser; FUZZ="socks http" for some of them only.
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz $(FUZZ)

wheels: $(READY)
	PYTHONPATH=.ci $(BIN)/python -m release.wheels

deb: $(READY)
	PYTHONPATH=.ci $(BIN)/python -m release.debian $(SUITES)

onefile: $(READY)
	PYTHONPATH=.ci $(BIN)/python -m release.onefile

bench: peers $(if $(NATIVE),native)
	$(if $(NATIVE),PYTHONPATH=$(EXTRA)) $(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) build dist *.egg-info
