# The course in one place. `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help setup lab test test-fast course record recertify tournament sync check
SHELL := /bin/bash

PYTHON ?= python3
UV ?= $(shell command -v uv)
VENV := .venv
BIN := $(VENV)/bin
# a checkout that was moved or copied sets up again: an environment holds absolute paths
STAMP := $(VENV)/.ready-$(firstword $(shell printf %s '$(CURDIR)' | cksum))
RUN := $(BIN)/python -m distill_helpers.course.runner

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## create .venv with the pinned packages (about 6 GB with the GPU libraries)

# by uv where it is on the path (`make setup UV=` does without), by pip where it is not, or where uv fails
$(STAMP): requirements.txt pyproject.toml distill_helpers/course/lab.py distill_helpers/course/kernel.py
	@if test -n "$(UV)" && $(by_uv); then :; else $(by_pip); fi
	@$(BIN)/python -m distill_helpers.course.lab --install
	@rm -f $(VENV)/.ready* && touch $(STAMP)

define by_uv
{ echo "Setting up $(VENV) with uv" && "$(UV)" venv --quiet --allow-existing --python '$(PYTHON)' $(VENV) \
  && $(BIN)/python -c '$(NEW_ENOUGH)' \
  && "$(UV)" pip install --quiet --python $(BIN)/python -r requirements.txt \
  && "$(UV)" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . \
  || { echo "uv could not set it up; going on with pip"; false; }; }
endef

define by_pip
echo "Setting up $(VENV) with pip (a few minutes)" \
  && { $(PYTHON) -c '$(NEW_ENOUGH)' || { echo "Python 3.11 or newer is needed; try: make setup PYTHON=python3.12"; exit 1; }; } \
  && { $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) \
       || { echo "$(PYTHON) has no venv; on Debian and Ubuntu: apt-get install python3-venv. Or install uv"; exit 1; }; } \
  && $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt \
  && $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
endef

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

lab: setup ## open the course in JupyterLab
	$(BIN)/python -m distill_helpers.course.lab

# files of tests are shared between as many processes as there are cores, four at most; `make test SHARED=` runs them one by one
SHARED ?= -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: setup ## run every test: package, notebooks, browser (one is installed where that is possible)
	$(BIN)/ruff check
	$(BIN)/python -m distill_helpers.course.browser
	DISTILL_UNATTENDED=1 $(BIN)/python -m pytest $(SHARED)

test-fast: setup ## the tests without the training notebooks, the browser and the compiler (under 3 minutes)
	$(BIN)/ruff check
	DISTILL_UNATTENDED=1 $(BIN)/python -m pytest -m "not slow" $(SHARED)

course: setup ## run all notebooks from cold caches; refresh verdicts and timings
	$(RUN) course

tournament: setup ## redo the tournament of notebook 13 from cold
	FRESH=1 $(RUN) record 13

sync: setup ## execute the notebooks whose sources have changed
	$(RUN) sync

check: setup ## say which notebooks have drifted from their sources
	$(RUN) check

# `make record 07` makes the recorded runs of notebook 07; the numbers after it are arguments, not targets
ifneq (,$(filter record recertify,$(firstword $(MAKECMDGOALS))))
NUMBERS := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
$(eval .PHONY: $(NUMBERS))
$(eval $(NUMBERS):;@:)
endif
record: setup ## make record NN: run what is missing or stale in the records of notebook NN; FRESH=1 all, SHARD=i/n a part, SLURM=n on a cluster
	$(RUN) record $(NUMBERS)

recertify: setup ## make recertify [NN ...]: run a slice of the records that other code made, certify what agrees; MINUTES=10, EXACT=1, BEFORE=old checkout
	$(RUN) recertify $(NUMBERS)
