# lint, test and demo each make what they need: system packages (as root, with apt) and .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: lint test demo tools clean

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict scrun
	@if [ -d luastd ]; then set -x; luacheck --quiet luastd $$(ls -d tests/lua 2>/dev/null); fi

test: $(READY)
	$(BIN)/python -m pytest tests/py

demo: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

$(READY): pyproject.toml scrun/launcher | tools
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,dev]'
	touch $@

# What pip does not bring. Without root they must be there.
tools:
	@missing=; \
	command -v crun >/dev/null || missing="$$missing crun"; \
	command -v luacheck >/dev/null || missing="$$missing lua-check"; \
	command -v rsync >/dev/null || missing="$$missing rsync"; \
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" != 0 ]; then echo "please install:$$missing" >&2; exit 1; fi; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	  apt-get install -qq -y --no-install-recommends $$missing

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
