# Everything one does with this repository. `make help` lists it.

VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
LOCK := .ci/requirements-dev.lock
UV_VERSION := 0.13.9

JS := snapshot/js
# Nothing to bundle until the Web APIs have an entry.
BUNDLE := $(if $(wildcard $(JS)/src/core.js),$(JS)/dist/inputs.sha256)
JS_INPUTS := $(JS)/build.mjs $(JS)/package-lock.json $(shell find $(JS)/src -type f 2>/dev/null)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: run test check bench chaos help setup lock clean fmt

run: setup ## start everything on this machine with the examples deployed
	@$(BIN)/isolane dev examples

test: setup ## run the tests; T="tests/unit -k name" chooses
	@$(BIN)/pytest $(T)

check: setup ## all that CI demands: format, lint, imports, types, JavaScript, tests with coverage
	@echo "format"  && $(BIN)/ruff format --check --quiet .
	@echo "lint"    && $(BIN)/ruff check --quiet .
	@echo "imports" && .ci/quiet $(BIN)/lint-imports
	@echo "types"   && .ci/quiet $(BIN)/mypy
	@echo "js"      && .ci/quiet $(BIN)/python -m snapshot.bundle --lint
	@echo "js tests" && .ci/quiet $(BIN)/python -m snapshot.bundle --test
	@echo "tests"   && $(BIN)/pytest --cov --cov-report=term:skip-covered

bench: setup ## run benchmark S=scenario
	@$(BIN)/isolane bench $(S)

chaos: setup ## kill who executes N=100000 tasks and their database; take PostgreSQL and NATS away for S=30 seconds
	@$(BIN)/pytest tests/chaos --chaos-tasks $(or $(N),100000) -s
	@$(BIN)/pytest tests/integration/fleet --outage-s $(or $(S),30) --timeout 300

fmt: setup ## format Python and JavaScript, apply the safe fixes
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .
	@.ci/quiet $(BIN)/python -m snapshot.bundle --fix

setup: $(STAMP) $(BUNDLE) ## make .venv and the bundle, if anything they are made from changed
	@:

# One process at a time: two makes may want the same environment.
$(STAMP): $(LOCK) pyproject.toml $(JS)/package-lock.json
	@VENV='$(VENV)' PYTHON='$(PYTHON)' .ci/setup $(LOCK) $^

$(BUNDLE): $(JS_INPUTS) | $(STAMP)
	@$(BIN)/python -m snapshot.bundle

lock: ## remake the lock files; U=--upgrade also moves to the newest versions
	@.ci/lock $(UV_VERSION) $(U)

clean: ## remove whatever the other targets made
	@rm -rf $(VENV) $(JS)/node_modules $(JS)/dist dist .coverage .coverage.* htmlcov
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
