# Two commands do everything on a fresh machine: `make book` and `make test`. Both set up .venv first.
# Written for GNU make 3.81, which is what macOS has.

PYTHON ?= python3
PY := .venv/bin/python
READY := .venv/.ready
RUN = $(PY) notebooks/execute.py

.DEFAULT_GOAL := help
.PHONY: help book test bench baseline chapter compare lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

# The stamp comes last: a set-up that was interrupted is taken up again.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 12) else "This book needs Python 3.11 or 3.12, found %d.%d; name one with: make PYTHON=python3.11 ..." % v)'
	@echo "Setting up .venv (once; torch is large) ..."
	@$(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

book: $(READY) ## execute what is out of date and build the book; prints the path of its index page
	@$(RUN) book

test: book ## build the book, then run all tests: units, properties, baselines, rendered pages
	@$(PY) -m pytest

bench: $(READY) ## measure speed and print the ratios (some minutes; never part of the tests)
	@$(PY) -m pytest tests/benchmarks --benchmark-only --numprocesses=0

baseline: $(READY) ## record tests/baselines again after a deliberate change of what a chapter shows
	@$(RUN) baseline

chapter: $(READY) ## run one chapter for yourself: CH=06_ranking [PROFILE= DATA= DATA_ROOT= DEVICE= SEED=]
	@$(RUN) chapter $(CH) $(if $(PROFILE),--profile "$(PROFILE)") $(if $(DATA),--data "$(DATA)") $(if $(DATA_ROOT),--data-root "$(DATA_ROOT)") $(if $(DEVICE),--device "$(DEVICE)") $(if $(SEED),--seed "$(SEED)")

compare: $(READY) ## set your last run of a chapter beside the published one: CH=06_ranking
	@$(RUN) compare $(CH)

lock: $(READY) ## make requirements.txt again from pyproject.toml
	@$(PY) -m uv pip compile --universal --python-version 3.11 --all-extras --no-annotate --no-header --upgrade --quiet pyproject.toml --output-file requirements.txt

clean: ## remove everything that was built (not .venv)
	@rm -rf _build book/chapters
