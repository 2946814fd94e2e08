# Sinete: `make run` starts everything, `make test` tests everything. Both do their own set-up.

PYTHON ?= python3
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
STACK := $(PY) -m campaign.stack
# Two more than there are processors: two of them have the tests that wait for a stack, workers or silence.
SIDE_BY_SIDE := --numprocesses=$$(( $$(getconf _NPROCESSORS_ONLN) + 2 )) --maxprocesses=8 --dist=worksteal
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help run test lint audit house reset demo pictures messages requirements setup setup-dev
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

help: ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24
	@echo "  make bench-NAME       Run benchmarks/NAME.py; ARGS=\"…\" passes options."

run: setup ## Start the whole stack in the foreground; Ctrl-C stops it.
	@exec $(STACK) run $(ARGS)

reset: setup ## Wipe the data of `make run`.
	@exec $(STACK) reset $(ARGS)

demo: setup ## The main job from end to end, without a page; ARGS=--json for a machine.
	@exec $(STACK) demo $(ARGS)

bench-%: setup-dev
	@exec $(STACK) bench $* $(ARGS)

test: setup-dev ## Run every test, with a browser; ARGS="…" goes to pytest, and then one process runs them.
	@$(STACK) chromium
	@if [ -n '$(subst ','\'',$(ARGS))' ]; then exec $(PY) -m pytest $(ARGS); fi; exec $(PY) -m pytest $(SIDE_BY_SIDE)

lint: setup-dev ## Style, types, templates and the import contracts.
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -c "import sys; from importlinter.cli import lint_imports_command as run; sys.argv[0] = 'lint-imports'; run()"
	@if [ -d templates ]; then $(PY) -m djlint --quiet --lint templates; fi
	@$(PY) -m mypy
	@$(STACK) audit

audit: setup-dev ## Whether an advisory names a version that is pinned; skipped, with the reason, where none can be had.
	@$(STACK) audit

pictures: setup-dev ## Take the documentation's pictures anew, of the demo data in a browser.
	@$(STACK) chromium
	@exec $(PY) -m docs.pictures

house: setup-dev ## Count the house: files, lines, functions, writers of a status.
	@$(PY) -m benchmarks.house $(ARGS)

messages: setup ## Compile the translations.
	@$(STACK) messages

requirements: setup-dev ## Pin the newest versions that the .in files allow.
	@cd $(CURDIR) && for name in requirements requirements-dev; do \
	  $(PY) -m piptools compile --quiet --upgrade --strip-extras --no-header --annotation-style=line \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file $$name.new $$name.in && \
	  { echo "# Made from $$name.in by \`make requirements\`."; cat $$name.new; } > $$name.txt && rm $$name.new; done

setup: $(VENV)/has-requirements
	@$(STACK) messages

setup-dev: $(VENV)/has-requirements $(VENV)/has-requirements-dev
	@$(STACK) messages

# A stamp stands for a step that ended well: an interrupted one is done again.
$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11, 5) or sys.exit("Sinete needs Python 3.11.5 or newer, this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 …")'
	@echo "Making the virtual environment in $(VENV) …"
	@$(PYTHON) -m venv --clear $(VENV) || { echo "Could not make it. On Debian or Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@touch $@

$(VENV)/has-requirements: $(VENV)/made requirements.txt
	@echo "Installing the pinned dependencies …"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/has-requirements-dev: $(VENV)/has-requirements requirements-dev.txt
	@echo "Installing what tests and checks need …"
	@$(PIP) -r requirements-dev.txt
	@touch $@
