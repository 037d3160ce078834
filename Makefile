# Everything happens in .venv, made from uv.lock; needs Python ≥ 3.11 and nothing else.
PYTHON ?= python3
BIN := .venv/bin
UV = $(shell command -v uv || echo $(BIN)/uv)
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
# Once at the installation, else at each start where Python may not keep what it compiled: seconds each.
export UV_COMPILE_BYTECODE := 1

.PHONY: run test check-style test-faults test-deploy test-image test-widgets test-fuzz test-conformance bench-carts \
    bench-search bench-http bench-cost bench-flood clean

run: .venv/.ready  ## Serve the shop at http://127.0.0.1:8000/mcp
	@exec $(BIN)/python -m app serve

test: .venv/.ready-dev check-style  ## Lint, format, types, all tests
	$(BIN)/pytest -n auto

test-faults: .venv/.ready-dev  ## Kills, full disks, lost answers: each prints what it came to; up to 4 minutes
	$(BIN)/pytest -m fault tests/faults

test-deploy: .venv/.ready-deploy  ## nginx and Caddy in front of two replicas; needs both and redis-server
	$(BIN)/pytest -m deploy tests/deploy

test-image: .venv/.ready-dev  ## Builds and runs the container image with buildah; needs root and debootstrap
	$(BIN)/pytest -m image tests/image

test-fuzz: .venv/.ready-dev  ## Hypothesis sends bad requests of every layer; 10,000 where CI is set, else fewer
	$(BIN)/pytest -m fuzz tests/fuzz

check-style: .venv/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-widgets: .venv/.ready-dev tests/widgets/node_modules/.ready  ## The widgets in Chromium; needs chromium and npm
	$(BIN)/pytest -n 2 -m widget --ignore tests/widgets/test_figures.py
	$(BIN)/pytest -n 0 -m widget tests/widgets/test_figures.py

tests/widgets/node_modules/.ready: tests/widgets/package.json
	npm install --prefix tests/widgets --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

test-conformance: .venv/.ready  ## The official MCP conformance suite; needs npm
	tests/conformance/run

bench-carts: .venv/.ready-dev  ## How fast carts are kept; writes into bench/README.md. ARGS=--quick for a look
	$(BIN)/python -m bench.carts $(ARGS)

bench-search: .venv/.ready  ## Figures of search into bench/README.md; needs ../shared/data, takes a quarter of an hour
	$(BIN)/python -m bench.search

bench-flood: .venv/.ready-dev  ## What others notice while one caller floods, into bench/README.md; needs wrk
	$(BIN)/python -m bench.flood

bench-http: .venv/.ready-dev  ## What a call costs, beside four other servers; needs wrk. ARGS=--dry for a look
	$(BIN)/python -m bench.http $(ARGS)

bench-cost: .venv/.ready-dev  ## Count the functions that a call runs, for the gate in tests/test_cost.py
	$(BIN)/python -m bench.cost --renew

.venv/.ready: uv.lock pyproject.toml | .venv/.uv
	$(UV) sync --frozen --inexact --no-dev --quiet
	@touch $@

.venv/.ready-dev: uv.lock pyproject.toml | .venv/.uv
	$(UV) sync --frozen --inexact --quiet
	@touch $@ .venv/.ready

.venv/.ready-deploy: uv.lock pyproject.toml | .venv/.uv
	$(UV) sync --frozen --inexact --group deploy --quiet
	@touch $@ .venv/.ready .venv/.ready-dev

# --inexact keeps the uv that pip put here.
.venv/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "agala needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@command -v uv >/dev/null || { $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'; }
	@touch $@

clean:  ## Remove what was made here; carts in data/ stay
	rm -rf tests/widgets/node_modules .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
