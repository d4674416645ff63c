# make reproduce | make test | make lint | make mutants | make docs | make bench | make gpu | make dist   (needs Python >= 3.11, make and git)
PYTHON ?= python3
BIN := .venv/bin

.PHONY: test test-slow mutants reproduce docs lint bench gpu dist clean

# Tests that take more than a few seconds run with `make test-slow`.
# A file's tests go to one worker: they share compiled programs and runs of the application.
test: .venv/installed
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow"

test-slow: .venv/installed
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m slow

# Plants faults of the mathematics one at a time: which do the fast tests overlook? Half an hour or so.
mutants: .venv/installed
	$(BIN)/python -m tests.mutants

reproduce: .venv/installed
	$(BIN)/python -m experiments.reproduce

# The site is outputs/docs/index.html; only building it needs the extra.
docs: .venv/docs
	$(BIN)/python docs/build.py

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed
	$(BIN)/python -m benchmarks

# On an accelerator: its tests, and tables by the number of problems at once, in outputs/device. Under ten minutes.
gpu: .venv/installed
	$(BIN)/python -m benchmarks.device

# Source archive and wheel, in dist/, each installed and tried under every Python from 3.11 to 3.13 that is here.
dist: .venv/dist
	$(BIN)/python -m tests.dist

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else 'jaxgame needs Python 3.11 to 3.13; choose one with make PYTHON=...')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test,cluster,bench,lint]"
	touch $@

.venv/docs: .venv/installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[docs]"
	touch $@

.venv/dist: .venv/installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dist]"
	touch $@

clean:
	rm -rf .venv outputs dist
