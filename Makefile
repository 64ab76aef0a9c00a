# Athanor. `make help` says what there is; `make run` and `make test` need nothing set up before.
#
# PYTHON=python3.12       which interpreter makes .venv
# CMAKE_ARGS="-D..."      how llama.cpp is compiled (docs/install.md); unset keeps the build there is
# ARGS="..."              passed on: make run ARGS="--port 8000", make test ARGS="tests/core -k queue"

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=

export VENV
ifneq ($(origin CMAKE_ARGS),undefined)
export CMAKE_ARGS
endif

SOURCES := app tests benchmarks packaging setup.py
PYTEST  := $(BIN)/python -m pytest

# Set up for the extras $(1) of pyproject.toml; does nothing where that was done before.
define set-up
@$(PYTHON) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
    echo "athanor: $(PYTHON) is missing, is older than 3.11 or lacks its venv module."; \
    echo "  Debian, Ubuntu:  sudo apt install python3 python3-venv"; \
    echo "  another Python:  make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
@$(PYTHON) packaging/setup/install.py $(1)
endef

.DEFAULT_GOAL := help
.PHONY: help setup run test test-quick test-all vulkan-test check fmt fmt-check lint types sim \
    bench starter-model examine-starter bundle smoke deb installer-windows bundle-test docs clean
.PHONY: setup-test

help: ## Show what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

setup: ## Create .venv, compile llama.cpp once (minutes) and install what serving needs
	$(call set-up,fast)

setup-test:
	$(call set-up,fast test)

run: setup ## Set up where needed, then start the node (ARGS="--model PATH.gguf --port 7117")
	@$(BIN)/athanor serve $(ARGS)

test: setup-test ## Set up where needed, then run the whole test suite (ARGS="tests/core -k queue")
	$(PYTEST) -m "not gpu and not bundle" $(ARGS)

test-quick: setup-test ## Run the tests that need neither llama.cpp nor patience: two minutes
	$(PYTEST) -m "not model and not slow and not gpu and not bundle" $(ARGS)

test-all: setup-test ## Run every test, also those that need a GPU or a bundle, with many more random examples
	HYPOTHESIS_PROFILE=many $(PYTEST) $(ARGS)

vulkan-test: setup-test ## Compile the modules of the bundle, and compare Vulkan's tokens on lavapipe
	@mkdir -p build
	@echo "compiling the modules, which takes minutes; build/modules.log has what is said"
	@PYTHON=$(PYTHON) packaging/runtime/build.sh >build/modules.log 2>&1 || \
	    { tail -n 60 build/modules.log; exit 1; }
	$(PYTEST) -m bundle tests/packaging/runtime/test_modules.py $(ARGS)

check: setup-test fmt-check lint types sim test ## Run all that CI runs but vulkan-test; pytest comes last

fmt: setup-test ## Rewrite the code in the project's format and order its imports
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --select I --fix $(SOURCES)

fmt-check: setup-test ## Say which files are not in the project's format
	$(BIN)/ruff format --check $(SOURCES)

lint: setup-test ## Look for faults with ruff
	$(BIN)/ruff check $(SOURCES)

types: setup-test ## Check the types of app/ with mypy, strict
	$(BIN)/mypy

sim: setup-test ## Run the pool's simulation under 3000 seeds, a minute or two (ARGS="--seeds 20000")
	$(BIN)/python -m tests.sim --seeds 3000 $(ARGS)

bench: setup-test ## Measure against llama-server, built from the same llama.cpp (long)
	$(BIN)/python -m benchmarks $(ARGS)

# Training has an environment of its own: torch is heavy, and nothing of Athanor needs it. Where
# jemalloc is installed a step takes two thirds of the time: large tensors keep their pages.
STARTER := .cache/starter-model/venv
JEMALLOC := $(firstword $(wildcard /usr/lib/*/libjemalloc.so.2))

starter-model: setup-test ## Train the demonstration model anew, from nothing (five to six hours)
	@test -x $(STARTER)/bin/python || $(PYTHON) -m venv $(STARTER)
	$(STARTER)/bin/pip install --quiet --requirement packaging/starter_model/requirements.txt
	LD_PRELOAD=$(JEMALLOC) MALLOC_CONF=thp:always,dirty_decay_ms:-1,muzzy_decay_ms:-1 \
	    PYTHONPATH=packaging $(STARTER)/bin/python -m starter_model make $(ARGS)
	PYTHONPATH=packaging $(BIN)/python -m starter_model examine --write

examine-starter: setup-test ## Print the table of the demonstration model's card again (minutes)
	PYTHONPATH=packaging $(BIN)/python -m starter_model examine $(ARGS)

bundle: ## Build dist/athanor, which runs where there is no Python (compiles llama.cpp once: minutes)
	$(PYTHON) packaging/bundle/build.py $(ARGS)

smoke: ## Start the built bundle in an empty environment, ask it something, let it join a pool
	$(PYTHON) packaging/bundle/smoke.py $(ARGS)

deb: ## Make the Debian package of the built bundle, and have lintian look at it
	$(PYTHON) packaging/linux/build.py --check $(ARGS)

installer-windows: ## Make the installer of a bundle that was built on Windows (ARGS=--stand-in)
	$(PYTHON) packaging/windows/build.py $(ARGS)

bundle-test: setup-test ## Check all that is packed: smoke, packages, installers, back ends, updates
	$(PYTHON) packaging/bundle/check.py $(ARGS)

docs: setup-test ## Check that every setting, command, route and folder is documented
	$(PYTEST) tests/tidy $(ARGS)

clean: ## Remove build output; .venv and .cache stay, since they are long to get again
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
