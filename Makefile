# Each target makes what it needs: Debian packages (as root) and .venv, with this checkout in place.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
NEED = PYTHON=$(PYTHON) .ci/need $@
PYTEST_OPTIONS ?=

.PHONY: demo test lint bench clean

demo: $(VENV)/.installed
	@$(NEED) crun,runc=crun
	@PATH="$(CURDIR)/$(BIN):$$PATH:/usr/sbin:/sbin" sh examples/demo.sh

# CI=true makes a missing cluster a failure: tests/py/conftest.py, --require-slurm.
test: $(VENV)/.tools
	@$(NEED) crun=crun runc=runc rsync=rsync busybox=busybox-static mmdebstrap=mmdebstrap \
	  newuidmap=uidmap ip=iproute2 unshare=util-linux
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) tests/py

lint: $(VENV)/.tools
	@$(NEED) luacheck=lua-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict scrun tests/py
	luacheck --quiet luastd examples tests/lua

bench: $(VENV)/.tools
	@$(NEED) crun=crun mmdebstrap=mmdebstrap newuidmap=uidmap ip=iproute2
	$(BIN)/python -m bench

$(VENV)/.tools: $(VENV)/.installed
	$(PIP) --editable '.[test,dev]'
	@touch $@

$(VENV)/.installed: pyproject.toml scrun/launcher
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	  "scrun needs Python 3.11 or newer. say which: make PYTHON=python3.12 ...")'
	@PYTHON=$(PYTHON) .ci/need venv py:ensurepip=python3-venv
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) --editable .
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
