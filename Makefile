# `make lab` opens the lab, `make test` checks it, `make bench` measures it.
PYTHON ?= python3
AREA   ?=
BIN    := .venv/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: lab test bench lock pictures digits clean

# Without a display the address is printed, with its token; root, as in a container, is let in.
lab: .venv/lab.ok
	$(BIN)/python -m jupyterlab --ip=127.0.0.1 --LabApp.default_url=/doc/tree/notebooks/01_quickstart.ipynb \
	    --LabApp.app_settings_dir=notebooks/settings --LabApp.extension_manager=readonly \
	    $(if $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname))),,--no-browser) \
	    $(if $(filter 0,$(shell id -u)),--allow-root)

test: .venv/dev.ok
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests
	$(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout=120 notebooks

bench: .venv/bench.ok
	$(BIN)/python -m tests.benchmarks $(AREA)

# A mark per lock file that is installed; each larger one contains the smaller.
MARKS_lab   := .venv/lab.ok
MARKS_dev   := $(MARKS_lab) .venv/dev.ok
MARKS_bench := $(MARKS_dev) .venv/bench.ok
.venv/lab.ok: requirements.lock pyproject.toml
.venv/dev.ok: requirements-dev.lock pyproject.toml
.venv/bench.ok: requirements-bench.lock pyproject.toml
.venv/%.ok: | .venv/bin/python
	$(PIP) --require-hashes -r $<
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $(MARKS_$*)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=...")'
	$(PYTHON) -m venv .venv

# Resolves the lock files anew, for every platform and Python from 3.11 on.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header --no-annotate pyproject.toml
DEV := $(addprefix --extra ,build dev encoder app ray export-test)
lock: .venv/bin/python
	$(PIP) uv
	$(COMPILE) --extra build -o requirements.lock
	$(COMPILE) $(DEV) -c requirements.lock -o requirements-dev.lock
	$(COMPILE) $(DEV) --extra bench -c requirements-dev.lock -o requirements-bench.lock

# Runs the quickstart anew: its outputs, its picture, its figures in the README. Needs chromium.
pictures: .venv/dev.ok
	$(BIN)/python -m tests.browser.make_pictures

# Trains the bundled model anew.
digits: .venv/dev.ok
	$(BIN)/python data/make_digits.py

clean:
	rm -rf .venv
