# Each target makes what it needs: Debian packages (as root) and .venv, with this checkout in place.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Much of a test is waiting; each process has a cluster of its own.
PYTEST_OPTIONS ?= --numprocesses=auto --maxprocesses=4 --dist=loadfile

# What .ci/need looks for. Where cgroups v1 and v2 lie side by side crun does not run, and runc does.
ONE_RUNTIME := crun,runc=crun
NEED_demo := $(if $(wildcard /sys/fs/cgroup/unified/cgroup.procs),runc=runc,$(ONE_RUNTIME))
NEED_cluster := crun=crun mmdebstrap=mmdebstrap newuidmap=uidmap ip=iproute2 mount=mount \
  unshare=util-linux
NEED_test := $(NEED_cluster) runc=runc rsync=rsync busybox=busybox-static pgrep=procps \
  ?/usr/lib/*/lua/5.4/lfs.so=lua-filesystem ?/usr/lib/*/lua/5.3/posix.so=lua-posix
NEED_lint := luacheck=lua-check
NEED_bench := $(NEED_cluster) busted=lua-busted
NEED = PYTHON=$(PYTHON) .ci/need $(1) $(foreach test,$(NEED_$(1)) $(2),'$(test)')
GOAL := $(or $(firstword $(MAKECMDGOALS)),demo)

.PHONY: demo test lint bench clean

demo: $(VENV)/.installed
	@$(call NEED,demo)
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

# CI=true makes a missing cluster a failure: tests/py/conftest.py, --require-slurm.
test: $(VENV)/.tools
	@$(call NEED,test)
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) tests/py

lint: $(VENV)/.tools
	@$(call NEED,lint)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict scrun bench tests/py
	luacheck --quiet luastd examples tests/lua

bench: $(VENV)/.tools
	@$(call NEED,bench)
	$(BIN)/python -m bench
	$(BIN)/python -m bench.lua_test

$(VENV)/.tools: $(VENV)/.installed
	$(PIP) --editable '.[test,dev]'
	@touch $@

$(VENV)/.installed: pyproject.toml scrun/launcher
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	  "scrun needs Python 3.11 or newer. say which: make PYTHON=python3.12 ...")'
	@[ -x $(BIN)/pip ] || $(call NEED,$(GOAL),py:ensurepip=python3-venv)
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) --editable .
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
