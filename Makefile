# lint, test and demo each make what they need: system packages (as root, with apt) and .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# $(call need,TEST,PACKAGE): unless TEST succeeds install PACKAGE, or say that it is needed.
define need
@{ $(1); } >/dev/null 2>&1 || { \
  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
    || { echo "please install $(2)" >&2; exit 1; }; \
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends $(2) >/dev/null; }
endef

.PHONY: lint test demo clean

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict scrun
	$(call need,command -v luacheck,lua-check)
	luacheck --quiet luastd tests/lua

test: $(READY)
	$(call need,command -v crun,crun)
	$(call need,command -v rsync,rsync)
	$(BIN)/python -m pytest tests/py

demo: $(READY)
	$(call need,command -v crun || command -v runc,crun)
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

$(READY): pyproject.toml scrun/launcher
	$(call need,$(PYTHON) -c 'import ensurepip',python3-venv)
	[ -x $(BIN)/pip ] || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
