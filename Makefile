# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test check format docs bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    train, measure and search on the standard library of this Python (no download)"
	@echo "make test    every test"
	@echo "make check   lint, format, types, order of the rooms"
	@echo "make docs    the site of documents, in build/site"
	@echo "make bench   the benchmarks, written to docs/benchmarks/"

demo: .venv/.demo
	@$(BIN)/dipole demo

# Two workers with one thread each beat one worker with two.
test: .venv/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A warning (a link that leads nowhere, a name that has no docstring to show) is an error.
docs: .venv/.docs
	$(BIN)/python -m zensical build --clean --strict

bench: .venv/.bench
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv build dist src/*.egg-info

# torch first and alone: its version is the one in constraints.txt, a CPU build where the index offers one.
.venv/.torch: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "dipole needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -E '^torch==' constraints.txt)"
	@touch $@

.venv/.demo: .venv/.torch pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[text,search]'
	@touch $@

.venv/.dev: .venv/.torch pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	@touch $@ .venv/.demo

.venv/.docs: .venv/.torch pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	@touch $@

.venv/.bench: .venv/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev,bench]'
# Without what they depend on: their losses need torch alone, and are imported alone.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $$(grep -E '^(lightly|open_clip_torch|pytorch-metric-learning)==' constraints.txt)
	@touch $@
