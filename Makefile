# Whatever is made here does its own set-up: virtual environment, dependencies, mosquitto.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
FUZZING = $(VENV)/.fuzzing
LOCKING = $(VENV)/.locking
CLOUD_INIT = build/cloud-init/.fetched

.PHONY: demo quick check style types contracts fast test explore mutants torture soak bench fuzz attacks causes diagram deb lock format \
	clean mosquitto prometheus grafana chromium

# API=orders plays it with the other of Mercado Pago's two; LANGUAGE=pt in Portuguese; OPTIONS=--terminal without a page.
API ?= instore
OPTIONS ?=
demo: $(INSTALLED) mosquitto
	@$(BIN)/python -m sim --api $(API) --language "$(LANGUAGE)" $(OPTIONS)

# After each change: the parts without processes, sockets and waiting, but for the explorer. Under ten seconds.
# Compiled modules are kept, even where the environment says otherwise: without them each start takes a second longer.
FAST = PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -q -m "not slow" --hypothesis-profile few -n 2
quick: $(INSTALLED)
	@$(FAST) tests/core tests/contract tests/paper tests/config --ignore=tests/core/test_explorer.py

# Before each commit. Two minutes: all four at once, and each is shown when it has ended.
check: $(INSTALLED) mosquitto
	@$(MAKE) --no-print-directory --jobs --output-sync style types contracts fast

style: $(INSTALLED)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(INSTALLED)
	@$(BIN)/mypy

# Which room may import which: pyproject.toml.
contracts: $(INSTALLED)
	@$(BIN)/lint-imports --no-logo --no-cache

fast: $(INSTALLED)
	@$(FAST)

# Everything. A test waits most of its time, for paper or a broker: more of them at once than there are cores. A file
# stays in one process, for its stories may share a shop.
JOBS ?= 4
test: $(INSTALLED) mosquitto prometheus chromium $(CLOUD_INIT)
	$(BIN)/pytest -n $(JOBS) --dist loadfile

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Every history of a small shop with FAULTS faults; two take long.
FAULTS ?= 1
explore: $(INSTALLED)
	$(BIN)/python -m qa.explorer --faults $(FAULTS)

# The daemon, killed at random moments between doorbell and paper.
KILLS ?= 200
torture: $(INSTALLED) mosquitto
	$(BIN)/python -m qa.torture --kills $(KILLS) --api $(API)

# Thousands of sales with something failing every few seconds; under ten minutes.
SALES ?= 2000
soak: $(INSTALLED) mosquitto
	$(BIN)/python -m qa.soak --sales $(SALES) --api $(API)

# What other machines send, changed byte by byte under the eyes of the coverage.
FUZZ_SECONDS ?= 300
fuzz: $(FUZZING)
	$(BIN)/python -m qa.fuzz --seconds $(FUZZ_SECONDS)

# Deliberate bugs in the core, and who catches them. `make mutants ONLY=printing.py` tries those with that in their name
# or address.
ONLY ?=
mutants: $(INSTALLED)
	$(BIN)/python -m qa.mutants --only "$(ONLY)"

# How fast and how frugal, beside the script that people write: docs/performance.md, in twenty minutes. One part
# alone, to the screen: `make bench ONLY=latency`; a shorter try of it: SALES=20.
bench: SALES = 200
bench: $(INSTALLED) mosquitto
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m benchmarks --sales $(SALES) --only "$(ONLY)"

# The same commit gives the same bytes. `sudo scripts/test-deb` really installs what this makes: docs/packaging.md.
deb: $(INSTALLED)
	@$(BIN)/python packaging/build.py
	@$(BIN)/python packaging/build_relay.py

# A signed apt repository of what is in dist/, for any web server: docs/packaging.md.
# make apt-repository KEY=0123…CDEF URL=https://apt.example.net/till-edge
KEY ?=
URL ?=
.PHONY: apt-repository
apt-repository: deb
	@$(BIN)/python packaging/apt_repository.py --key "$(KEY)" --url "$(URL)"

# The relay's dependencies at their newest, each with its hashes; then run the tests of the relay, and commit the file.
# With the oldest Python that a relay may have: a newer one needs a part of them.
lock: $(LOCKING)
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
		--allow-unsafe --build-deps-for wheel --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--extra relay --output-file relay/requirements.txt pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
		--allow-unsafe --build-deps-for wheel --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--extra relay --extra watch --constraint relay/requirements.txt --output-file relay/requirements-watch.txt pyproject.toml

# What a thief or a stranger can try, and what each attack gets; six minutes.
attacks: $(INSTALLED) mosquitto
	$(BIN)/python -m qa.attacks

# Everything that can be wrong at a till, and what `till-edge check` says of it.
causes: $(INSTALLED) mosquitto
	$(BIN)/python -m qa.check_causes

diagram: $(INSTALLED)
	$(BIN)/python -m scripts.diagram
	$(BIN)/python -m scripts.rooms

# The card that stays at the till, to be printed: build/card-es.pdf, -pt, -en.
# make card TILL="Caja 1" SUPPORT="0800 555 0000"; what is left out has a line to write on. SOUND=1: with the sounds.
TILL ?=
SUPPORT ?=
SOUND ?=
.PHONY: card
card: $(INSTALLED)
	@$(BIN)/python -m scripts.card --till "$(TILL)" --support "$(SUPPORT)" $(if $(SOUND),--sound)

# A bare Debian has Python without venv, and a venv that could not be finished is no venv.
$(INSTALLED): pyproject.toml setup.py
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || scripts/apt-install python3-venv
	@echo "setting up $(VENV), once: about a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --upgrade pip
	@PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --editable '.[till,claim,relay,provision,sim,docs,test,check]'
	@touch $@

# Not with the rest: it is large, and there is none for the Pi.
$(FUZZING): $(INSTALLED)
	@$(BIN)/pip install --quiet --editable '.[fuzz]'
	@touch $@

$(LOCKING): $(INSTALLED)
	@$(BIN)/pip install --quiet --editable '.[lock]'
	@touch $@

# What checks a card that was made for Trixie. Where it can't be had, its tests are skipped and say so.
$(CLOUD_INIT): scripts/get-cloud-init
	-@scripts/get-cloud-init >/dev/null && touch $@

mosquitto:
	@PATH="$$PATH:/usr/sbin" command -v mosquitto >/dev/null || scripts/apt-install mosquitto

# For the relay's alert rules and dashboard; their tests are skipped without.
prometheus:
	-@command -v promtool >/dev/null || scripts/apt-install prometheus

# The types that Grafana publishes, for a test of the dashboard, which is skipped without. Needs npm.
grafana:
	@npm install --no-audit --no-fund --prefix build/grafana @grafana/schema@13.2.3 typescript@5.9.3

# What the tests of the till's page look through. Where it can't be had, they are skipped and say so.
chromium:
	-@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || scripts/apt-install chromium

clean:
	rm -rf --one-file-system $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache .grimp_cache
