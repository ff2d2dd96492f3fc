# The verbs of this project. Each of them sets the checkout up first, where something has changed.

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3,$(shell command -v $(name))) python3)
PORT ?= 5006
MINUTES ?= 3
KILLS ?= 200
export PORT
# Where the surroundings forbid it, each of the hundreds of processes that the tests start would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=

BIN := .venv/bin
PYTEST := $(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal
# Steps are measured in processor time, which a crowded machine disturbs: in CI what failed is tried once more, alone.
AGAIN := $(BIN)/pytest --last-failed --last-failed-no-failures none
TYPED_SCRIPTS := hatch_build.py scripts/*.py

.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-long test-fast check fmt bench instructions wasm console clients simulate nested fuzz fuzz-guest attacks stalls siege lock mutants crash

help: ## list the verbs
	@echo "make run     serve on http://127.0.0.1:$(PORT), and show the first lines to type (PORT=... for another port);"
	@echo "             graphs are kept in .data (DATA_DIR=... for another folder, DATA_DIR= for none)"
	@echo "make demo    push 13,000 ISO records through a graph over HTTP, and check what comes out"
	@echo "make test-fast  in a minute: the vocabulary, the engine, the workers, the docs; no sandbox, no service"
	@echo "make test    make check, then every test but the attacks and the long ones"
	@echo "make test-long  generated requests, mutants, wheels, signals and streams: tests that take a minute together"
	@echo "make fmt     format the code, and repair what ruff can repair"
	@echo "make check   ruff, mypy and the import contracts"
	@echo "make simulate  20,000 random graphs, every promise of the engine checked on each (tests/simulation/README.md)"
	@echo "make nested  5,000 random graphs, nested in one another and flat: both must do the same"
	@echo "make fuzz    requests generated from the OpenAPI document, at least 5,000, every answer judged; then with a token"
	@echo "make fuzz-guest  the guest under sanitizers, its JSON and all of it, and programs on random values, MINUTES=3"
	@echo "make attacks  what untrusted callers and code have tried: over real sockets, bounded in time and memory"
	@echo "make stalls  hostile requests, graphs and programs, changed for MINUTES=3 to find what holds or fills the service"
	@echo "make mutants  one place of the code broken at a time for MINUTES=60, to find what no test notices (tests/mutants/README.md)"
	@echo "make crash   a service under load is killed KILLS=200 times, also with a full or slow disk: nothing lost, nothing twice"
	@echo "make siege   each known attack at full rate for ten seconds: what others see, memory, and the end by SIGTERM"
	@echo "make wasm    install the tools of the WebAssembly examples and build those; make test runs what is built"
	@echo "make console  build the page at /console anew from its sources, with Node; what is built is under version control"
	@echo "make clients  install the clients that the tests run, if Node is there, and the driver of a browser; without them, those tests are skipped"
	@echo "make bench   throughput, latency and growth, beside Node-RED, NoFlo and a bare Trio channel (under ten minutes)"
	@echo "make instructions  count what values cost in the guest anew, after a change of it that is meant"
	@echo "make setup   .venv, packages and the QuickJS guest; the other verbs do it when needed"
	@echo "make lock    renew constraints.txt"
	@echo
	@echo "PYTHON=... names the Python to set up with (3.11 or newer); now $(PYTHON)."

setup:
	@$(PYTHON) scripts/setup.py

run: setup
	@DATA_DIR="$${DATA_DIR-$(CURDIR)/.data}" exec $(BIN)/symbia-runtime serve

demo: setup
	@$(BIN)/python -m examples.countries

check: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy $(TYPED_SCRIPTS)
	$(BIN)/lint-imports

fmt: setup
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

# Left out: the sandbox, the service, most pages (they start servers), attacks, simulation, packaging, layering.
test-fast: setup
	$(PYTEST) tests/proto tests/engine tests/workers tests/pages/test_docs.py tests/test_docstrings.py

# What starts many processes or takes long by itself; `make test` has six minutes on two cores.
LONG := tests/fuzz tests/stalls tests/deploy tests/mutants/test_mutants.py tests/test_packaging.py tests/test_leftovers.py \
	tests/benchmarks/test_results.py tests/benchmarks/test_bench_sockets.py tests/service/console/test_stories.py tests/service/console/test_live_stories.py \
	tests/service/console/test_workshop.py tests/service/console/test_editor.py tests/service/console/test_home.py \
	tests/service/test_server.py tests/service/test_kept_service.py tests/service/test_seat_taken_over.py \
	tests/service/watchdog tests/service/cli/test_streams.py tests/service/cli/test_signals.py \
	tests/service/cli/test_doctor.py tests/service/folders/test_serving_folders.py tests/service/network/test_relay.py \
	tests/service/observability/test_log_stream.py tests/service/test_moments.py tests/service/test_recordings.py \
	tests/service/cli/test_recordings.py tests/service/http/routes/test_trials.py tests/engine/testing/test_trial.py \
	tests/service/cli/test_run_results.py
SHORT := --ignore tests/attacks $(LONG:%=--ignore %)

test: check
	$(PYTEST) $(SHORT)$(if $(CI), || $(AGAIN) $(SHORT))

test-long: setup
	$(PYTEST) $(LONG)$(if $(CI), || $(AGAIN) $(LONG))

attacks: setup
	$(PYTEST) tests/attacks$(if $(CI), || $(AGAIN) tests/attacks)

bench: setup
	@$(BIN)/python -m benchmarks

instructions: setup
	@$(BIN)/python -m tests.wasm_host.quickjs.instructions

lock: setup
	@$(BIN)/python scripts/lock.py

fuzz: setup
	@$(BIN)/python -m tests.fuzz --examples 220
	@$(BIN)/python -m tests.fuzz --examples 50 --recognised

fuzz-guest: setup
	@$(BIN)/python -m tests.guest_fuzz --minutes $(MINUTES)

wasm: setup
	@$(BIN)/python -m examples.wasm.build --install

console: setup
	@$(BIN)/python scripts/console.py

clients: setup
	cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups']['browser'])")

nested: setup
	@$(BIN)/python -m tests.engine.compile.differential --graphs 5000

simulate: setup
	@$(BIN)/python -m tests.simulation --graphs 20000

stalls: setup
	@$(BIN)/python -m tests.stalls --minutes $(MINUTES)

mutants: setup
	@$(BIN)/python -m tests.mutants --minutes $(if $(filter command line environment,$(origin MINUTES)),$(MINUTES),60)

siege: setup
	@$(BIN)/python -m tests.attacks.siege

crash: setup
	@$(BIN)/python -m tests.crash --kills $(KILLS)
