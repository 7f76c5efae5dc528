# Two commands: `make demo` and `make test`. Everything they need they install themselves.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
STAMPS := $(VENV)/stamps
NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
# An editable installation copies the extension's files.
INPUTS := pyproject.toml requirements.lock $(wildcard codeagent_nb/labextension/*.json codeagent_nb/labextension/*/*)

# A container may set it: then each of thousands of processes compiles the same files anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test unit dialects attacks browser proof check javascript typing coverage bench matrix beside soak large libraries servers eval notebooks pictures lock clean

help:  ## list these commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(STAMPS)/demo  ## watch the agent answer a question about penguins, with no key
	@bash .ci/system-packages.sh bubblewrap
	$(BIN)/codeagent-nb demo

test: $(STAMPS)/test  ## check and test everything
	@bash .ci/system-packages.sh bubblewrap chromium chromium-headless-shell
	$(BIN)/python tools/lanes.py $(if $(MINUTES),--minutes $(MINUTES)) $(LANES)

unit: $(STAMPS)/test  ## the tests that need no kernel and no model: seconds
	$(BIN)/python -m pytest -q tests/unit tests/servers -n 2 --dist worksteal -m "not attacks and not timing"
	$(BIN)/python -m pytest -q tests/unit -m "timing and not attacks"

dialects: $(STAMPS)/test  ## the client against each dialect of OpenAI's API; writes docs/dialects.md
	$(BIN)/python -m pytest -q tests/servers --junitxml build/dialects.xml; status=$$?; \
		$(BIN)/python tools/make_dialects.py; exit $$status

attacks: $(STAMPS)/test  ## all attacks by executed code on its user's files, the long ones, too
	@bash .ci/system-packages.sh bubblewrap chromium
	@bash .ci/container-engine.sh
	$(BIN)/python -m pytest tests/attacks tests/integration/test_our_imports.py tests/integration/test_starting.py
	$(BIN)/python -m pytest -m attacks tests/integration/test_signed_floods.py tests/integration/test_resume_after_sigkill.py
	$(BIN)/python -m pytest tests/integration/test_hostile_sessions.py
	$(BIN)/python -m pytest -n 2 --hypothesis-profile=thorough tests/unit
	$(BIN)/python -m pytest tests/browser/test_saved_session.py tests/browser/test_extension_attacks.py

browser: $(STAMPS)/test  ## all browser tests, on the built wheel in a clean environment
	@bash .ci/system-packages.sh bubblewrap chromium chromium-headless-shell
	$(BIN)/python tools/lanes.py wheel browser pages
	cd build/wheel/run && ../env/bin/python -m pytest tests/browser -m "repeated and not attacks"

proof: $(STAMPS)/test  ## prove true notebooks, and find planted lies, many of both: docs/proof.md
	@bash .ci/system-packages.sh bubblewrap
	PYTHONPATH=. $(BIN)/python tools/prove.py --write

check: $(STAMPS)/test  ## lint, types of both languages, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory javascript typing

javascript: $(STAMPS)/typescript  ## types of the front end's JavaScript
	$(NODE) tools/typescript/node_modules/.bin/tsc --project tsconfig.json
	$(NODE) tools/typescript/node_modules/.bin/tsc --project codeagent_nb/labextension/jsconfig.json

typing: $(STAMPS)/test $(STAMPS)/pyright  ## the types that users of the public API see, by mypy and pyright
	$(BIN)/mypy tests/typing
	$(NODE) tools/pyright/node_modules/.bin/pyright --project tests/typing

coverage: $(STAMPS)/test  ## which lines the unit tests run; fails below the share in pyproject.toml
	$(BIN)/python -m coverage run -m pytest -q tests/unit -m "not attacks and not timing"
	$(BIN)/python -m coverage report

bench: $(STAMPS)/test  ## speeds, as ratios to a reference measured in turn; what floods of output do to us
	$(BIN)/python tests/benchmarks/import_time.py
	$(BIN)/python tests/benchmarks/block_latency.py
	$(BIN)/python tests/benchmarks/floods.py
	$(BIN)/python tests/benchmarks/saving.py
	$(BIN)/python tests/benchmarks/stage.py
	$(BIN)/python tests/benchmarks/sandbox.py
	PYTHONPATH=. $(BIN)/python tests/benchmarks/checkpoints.py
	$(BIN)/python tests/benchmarks/dataframe_crossing.py
	$(PYTHON) -m venv build/autogen
	build/autogen/bin/python -m pip --disable-pip-version-check -qq install --upgrade 'pip>=25.1'
	build/autogen/bin/python -m pip --disable-pip-version-check -qq install --editable . --group bench
	build/autogen/bin/python tests/benchmarks/beside_autogen.py
	build/autogen/bin/python tests/benchmarks/inside_autogen.py

matrix: $(STAMPS)/test  ## kernels with IPython 8 and 9, ipykernel 6 and 7, the oldest Python and the newest: docs/kernel-versions.md
	@bash .ci/system-packages.sh bubblewrap
	$(BIN)/python -m tests.matrix.run

soak: $(STAMPS)/test  ## good and hostile blocks, checkpoints and restores for ten minutes: docs/soak.md; then 500 programs
	@bash .ci/system-packages.sh bubblewrap
	$(BIN)/python -m tests.soak.run
	$(BIN)/python -m tests.integration.test_checkpoint_programs 500

beside: $(STAMPS)/test  ## a hundred cells in stock ipykernel under nbclient and in ours: docs/beside-stock.md
	@bash .ci/system-packages.sh bubblewrap
	$(BIN)/python -m tests.beside.run

large:  ## whether everyday work on 2 GB of data meets a limit of the sandbox: half an hour, 20 GB of disk
	@bash .ci/system-packages.sh bubblewrap
	$(PYTHON) -m venv build/data
	build/data/bin/python -m pip --disable-pip-version-check -qq install --upgrade 'pip>=25.1'
	build/data/bin/python -m pip --disable-pip-version-check -qq install --editable . --group large
	build/data/bin/python tests/benchmarks/large_data.py

libraries: $(STAMPS)/test  ## what of each library comes back with a checkpoint of a kernel: docs/checkpoints.md
	@bash .ci/system-packages.sh bubblewrap
	$(PYTHON) -m venv build/libraries
	build/libraries/bin/python -m pip --disable-pip-version-check -qq install --upgrade 'pip>=25.1'
	build/libraries/bin/python -m pip --disable-pip-version-check -qq install --group libraries
	$(BIN)/python -m tests.libraries.environment
	$(BIN)/python -m pytest -q tests/libraries -o junit_family=xunit1 --junitxml build/libraries.xml; status=$$?; \
		PYTHONPATH=. $(BIN)/python tools/make_checkpoints.py; exit $$status

servers: $(STAMPS)/test  ## kernels on real servers, gateways and a hub, and over a connection cut at random: docs/servers.md
	for each in servers oldest-server enterprise; do \
		$(PYTHON) -m venv build/$$each && build/$$each/bin/python -m pip --disable-pip-version-check -qq install --upgrade 'pip>=25.1' && \
		build/$$each/bin/python -m pip --disable-pip-version-check -qq install --group $$each || exit 1; \
	done
	$(NODE) npm install --prefix build/proxy --loglevel=error --no-audit --no-fund configurable-http-proxy@5
	$(BIN)/python -m tests.places.run

eval: build/evaluation/made  ## questions about tables, QUESTIONS=FOLDER [N=80] [SEED=19] [CONFIGURATION=default] [MODEL=NAME]: build/eval
	@bash .ci/system-packages.sh bubblewrap
	build/evaluation/bin/python -m tests.evaluation.run --questions "$(QUESTIONS)" --count $(or $(N),80) --seed $(or $(SEED),19) \
		--configuration $(or $(CONFIGURATION),default) --model "$(MODEL)" $(OPTIONS)

notebooks: $(STAMPS)/test  ## execute the example notebooks and keep their outputs
	$(BIN)/python tools/run_notebooks.py

pictures: $(STAMPS)/test  ## take the pictures of the documents again, in a real browser
	@bash .ci/system-packages.sh bubblewrap chromium
	PYTHONPATH=. $(BIN)/python tools/make_panel_pictures.py
	PYTHONPATH=. $(BIN)/python tools/make_cell_pictures.py
	PYTHONPATH=. $(BIN)/python tools/make_cells.py
	PYTHONPATH=. $(BIN)/python tools/make_setup_pictures.py

lock: $(STAMPS)/lock  ## write requirements.lock again
	$(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header \
		--all-extras --group test --group node pyproject.toml --output-file requirements.lock

clean:  ## remove the environment and all caches
	rm -rf $(VENV) tools/*/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; say e.g. make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	mkdir -p $(STAMPS)

# The lock file is used as constraints: one file serves every extra.
$(STAMPS)/demo: $(VENV)/pyvenv.cfg $(INPUTS)
	$(PIP) install --constraint requirements.lock --editable '.[local,data]'
	@touch $@

$(STAMPS)/test: $(STAMPS)/demo
	$(PIP) install --constraint requirements.lock --editable '.[docker,autogen,remote]' --group test
	@touch $@

build/evaluation/made: $(INPUTS)
	$(PYTHON) -m venv build/evaluation
	build/evaluation/bin/python -m pip --disable-pip-version-check -qq install --upgrade 'pip>=25.1'
	build/evaluation/bin/python -m pip --disable-pip-version-check -qq install --constraint requirements.lock \
		--editable '.[local,data]' --group evaluation
	@touch $@

# Checkers that run in Node. Where there is no npm, Node comes from PyPI into .venv: that needs neither apt nor root.
$(STAMPS)/typescript $(STAMPS)/pyright: $(STAMPS)/%: tools/%/package-lock.json $(VENV)/pyvenv.cfg
	command -v npm >/dev/null || $(PIP) install --constraint requirements.lock --group node
	$(NODE) npm ci --prefix tools/$* --loglevel=error --no-audit --no-fund
	@touch $@

$(STAMPS)/lock: $(VENV)/pyvenv.cfg
	$(PIP) install uv
	@touch $@
