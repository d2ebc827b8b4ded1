# The course in one place. `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help setup lab test test-fast course record tournament sync check
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
RUN := $(BIN)/python -m distill_helpers.course.runner

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## create .venv with the pinned packages (about 6 GB with the GPU libraries)

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; try: make setup PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

lab: setup ## open the course in JupyterLab
	$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 --ServerApp.port=8888 --ServerApp.port_retries=50 notebooks/00_start_here.ipynb

test: setup ## run every test: package, notebooks, browser
	$(BIN)/ruff check
	DISTILL_UNATTENDED=1 $(BIN)/python -m pytest

test-fast: setup ## the tests without the training notebooks, the browser and the compiler (under 3 minutes)
	$(BIN)/ruff check
	DISTILL_UNATTENDED=1 $(BIN)/python -m pytest -m "not slow"

course: setup ## run all notebooks from cold caches; refresh verdicts and timings
	$(RUN) course

tournament: setup ## redo the tournament of notebook 12 from cold
	$(RUN) record 12

sync: setup ## execute the notebooks whose sources have changed
	$(RUN) sync

check: setup ## say which notebooks have drifted from their sources
	$(RUN) check

# `make record 07` makes the recorded runs of notebook 07; the numbers after it are arguments, not targets
ifeq (record,$(firstword $(MAKECMDGOALS)))
NUMBERS := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
$(eval .PHONY: $(NUMBERS))
$(eval $(NUMBERS):;@:)
endif
record: setup ## make record NN: redo the recorded runs of notebook NN from cold
	$(RUN) record $(NUMBERS)
