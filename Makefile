# make            shows what there is
# make coldstart  installs on first use and runs; ARGS="--env=test --params=source=taobao" is handed on

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
BROWSER ?= chromium
REPORT ?= data/08_reporting/index.html

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# A stamp is newer than these files as long as the environment is up to date.
LOCK := pyproject.toml constraints.txt

# Kedro's usage statistics stay off.
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help picture install install-dev coldstart risk engagement feedback recommendation check scoring simulate test test-spark lint format viz docs notebook clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Create .venv with everything that the pipelines need (about 2 GB, some minutes)

install-dev: $(VENV)/.installed-dev ## The same, with the tools for tests and checks

coldstart: $(VENV)/.installed ## Run ingestion, preprocessing, the cold-start models and their report
	$(BIN)/kedro run --pipelines=coldstart $(ARGS)

risk: $(VENV)/.installed ## Score a table of records and report on the risk models
	$(BIN)/kedro run --pipelines=risk $(ARGS)

engagement: $(VENV)/.installed ## Plan the next three steps of each customer, adjusted by churn risk, and report on it
	$(BIN)/kedro run --pipelines=engagement $(ARGS)

check: $(VENV)/.installed ## Say what a source holds and for which pipelines it suffices
	$(BIN)/kedro run --pipelines=check $(ARGS)

scoring: $(VENV)/.installed ## Score today's customers by the models kept
	$(BIN)/kedro run --pipelines=scoring $(ARGS)

feedback: $(VENV)/.installed ## Read what customers write: sentiment, entities, themes, and report on it
	$(BIN)/kedro run --pipelines=feedback $(ARGS)

recommendation: $(VENV)/.installed ## Recommend the next products of each customer, and report on it
	$(BIN)/kedro run --pipelines=recommendation $(ARGS)

simulate: $(VENV)/.installed ## Write the demo world anew
	$(BIN)/kedro run --pipelines=simulate $(ARGS)

test: $(VENV)/.installed-dev ## Run the tests, two files at a time
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile $(ARGS)

test-spark: $(VENV)/.installed-dev $(VENV)/.installed-spark ## Compare tables on Spark and DuckDB; needs Java 17
	$(BIN)/python -m pytest tests/test_spark.py $(ARGS)

lint: $(VENV)/.installed-dev ## Check style, types and import contracts
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-dev ## Put the code into its standard form
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

viz: $(VENV)/.installed-viz ## Build the picture of the pipelines as a static page in build/
	$(BIN)/kedro viz build --include-previews

picture: $(VENV)/.installed ## Photograph the overview of REPORT into docs/images/report.png; needs Chromium (BROWSER=...)
	@mkdir -p docs/images
	$(BROWSER) --headless=new --no-sandbox --disable-gpu --hide-scrollbars --window-size=1280,1000 \
		--screenshot=$(CURDIR)/docs/images/report.png file://$(abspath $(REPORT))
	$(BIN)/python -c "from PIL import Image; at = 'docs/images/report.png'; Image.open(at).convert('RGB').quantize(96).save(at, optimize=True)"

docs: $(VENV)/.installed-docs ## Build the documentation strictly as static pages, build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "Documentation: build/site/index.html"

notebook: $(VENV)/.installed-notebooks ## Open the notebooks
	$(BIN)/jupyter lab notebooks

clean: ## Remove results and caches; raw data and .venv stay
	rm -rf data/0[2-8]_* build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
		exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(LOCK) | $(VENV)/bin/python
	@echo "Installing crm_pipelines into $(VENV): once, about 2 GB, some minutes ..."
	@$(PIP) --editable .
	@touch $@

# An extra, for example .installed-dev, on top of the rest.
$(VENV)/.installed-%: $(VENV)/.installed
	@echo "Installing the extra '$*' ..."
	@$(PIP) --editable '.[$*]'
	@touch $@
