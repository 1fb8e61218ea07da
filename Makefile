# Everything a user or a developer types. `make` alone lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV ?= .venv
VENV_BENCH ?= .venv-bench
# The first Python that is new enough; 3.11 is the version that requirements.lock was made with.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
# Arguments for snakemake (make demo) and pytest (make test), e.g. make demo ARGS=--dry-run
ARGS ?=
# One pytest worker per core, two by default: more would compete with the workflow tests' own jobs.
TEST_WORKERS ?= 2
# Scripts that `make bench` runs; names that begin with _ are modules that scripts share.
BENCHMARKS ?= $(sort $(wildcard benchmarks/[a-z]*.py))

# Jobs and tests find `python`, `snakemake` and `segmill` of the environment first.
export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: help install install-dev demo test lint format bench docs lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed  ## the environment that runs the workflow, in .venv
install-dev: $(VENV)/.installed-dev  ## the same with what tests and lint need

demo: $(VENV)/.installed  ## synthetic data to report, no download; at most 15 minutes on 2 cores
	$(VENV)/bin/snakemake --config preset=demo $(ARGS)
	@echo "Report: $(abspath results/report/index.html)"

# The workers share the cores; pytest's 5, "no tests", is fine in either phase when ARGS select some.
test: export OMP_NUM_THREADS = 1
test: $(VENV)/.installed-dev  ## all tests; those that start a Slurm cluster run last, alone
	tests/install_system_packages.sh
	status=0; \
	run() { "$(VENV)/bin/pytest" "$$@" || { code=$$?; [ $$code = "$(if $(ARGS),5)" ] || status=$$code; }; }; \
	run -n $(TEST_WORKERS) --dist loadfile -m "not slurm" $(ARGS); \
	run -m slurm $(or $(ARGS),tests/slurm); \
	exit $$status

lint: $(VENV)/.installed-dev  ## style of Python and Snakemake files, and snakemake --lint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/snakefmt --check Snakefile workflow
	$(VENV)/bin/snakemake --lint

format: $(VENV)/.installed-dev  ## rewrite the files as `make lint` wants them
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/snakefmt Snakefile workflow

bench: $(VENV_BENCH)/.installed  ## every script of benchmarks/, one after another (needs a quiet machine)
	for script in $(BENCHMARKS); do \
		echo "== $$script"; $(VENV_BENCH)/bin/python "$$script" $(ARGS); \
	done

docs: $(VENV)/.installed  ## rewrite config/README.md from the schemas
	$(VENV)/bin/python -m segmill.configdocs

lock: ## rewrite requirements.lock and requirements-dev.lock from pyproject.toml
	@$(check-python)
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install "setuptools>=77" .
	{ sed -n '/^#/p' requirements.lock; $(freeze); } > build/lock/requirements.lock
	build/lock/bin/pip install ".[dev]"
	{ sed -n '/^[#-]/p' requirements-dev.lock; \
		$(freeze) | grep -vxFf build/lock/requirements.lock; } > build/lock/requirements-dev.lock
	mv build/lock/requirements.lock build/lock/requirements-dev.lock .

clean:  ## remove results, caches and environments; downloads stay
	rm -rf $(VENV) $(VENV_BENCH) build dist logs .snakemake .pytest_cache .ruff_cache .hypothesis *.egg-info
	find results -mindepth 1 -maxdepth 1 ! -name README.md ! -name .gitignore ! -name downloads -exec rm -rf {} +
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# `pip freeze` names local builds (torch 2.13.0+cpu), which no public index has.
freeze = build/lock/bin/pip freeze --all --exclude pip --exclude segmill | sed -E 's/\+[a-z0-9.]+$$//'

define check-python
if [ -z "$(PYTHON)" ]; then \
	echo "Segmill needs Python 3.11 or newer; none of python3.11, python3.12, python3.13, python3 is." >&2; \
	echo "Install one, or name it: make PYTHON=/path/to/python3.11 ..." >&2; \
	exit 1; \
fi
endef

# Debian ships Python without ensurepip; there pip itself fills the environment.
define create-venv
$(check-python); \
if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(1); \
else $(PYTHON) -m venv --without-pip $(1) && $(PYTHON) -m pip --python $(1)/bin/python install pip; fi
endef

$(VENV)/bin/python:
	@$(call create-venv,$(VENV))

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --requirement requirements.lock
	$(VENV)/bin/python -m pip install --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(VENV)/bin/python -m pip install --requirement requirements-dev.lock
	touch $@

$(VENV_BENCH)/.installed: requirements.lock pyproject.toml benchmarks/requirements.txt
	@$(call create-venv,$(VENV_BENCH))
	$(VENV_BENCH)/bin/python -m pip install --requirement requirements.lock --requirement benchmarks/requirements.txt
	$(VENV_BENCH)/bin/python -m pip install --no-deps --no-build-isolation --editable .
	touch $@
