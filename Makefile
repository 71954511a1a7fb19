.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
PORT ?= 3099

R := requirements
VENV := .venv
BIN := $(VENV)/bin
UV := VIRTUAL_ENV=$(VENV) $(BIN)/uv
INSTALL := $(UV) pip install --quiet --require-hashes
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(UPGRADE)

-include make/lambda.mk
-include make/clients.mk
-include make/stores.mk
-include make/transports.mk

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/uv: requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "prxy needs Python 3.11 or later: make PYTHON=python3.13")'
	@echo "making $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/run.stamp: $(BIN)/uv requirements/run.txt pyproject.toml
	@echo "installing requirements/run.txt and prxy" >&2
	@$(INSTALL) -r requirements/run.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	@echo "installing requirements/dev.txt" >&2
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

.PHONY: setup
setup: $(VENV)/dev.stamp ## Make .venv with everything the tests and checks need

.PHONY: run
run: $(VENV)/run.stamp ## Start the local gateway on PORT (3099) and print its keys
	@exec $(BIN)/prxy serve --port $(PORT)

OUTSIDE := $(addprefix tests/,api clients guides history money)

.PHONY: test
test: setup $(SAM) $(CLIENTS) ## Run the whole offline test suite, in two processes
	@$(MAKE) --no-print-directory --jobs=2 --keep-going test-outside test-inside

.PHONY: test-outside
test-outside: setup
	$(BIN)/python -m pytest $(OUTSIDE)

.PHONY: test-inside
test-inside: setup
	$(BIN)/python -m pytest $(addprefix --ignore=,$(OUTSIDE))

.PHONY: check
check: setup $(SAM) ## Check format, lint, types, imports, generated docs and the template
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/mypy bench
	$(BIN)/lint-imports
	$(BIN)/python scripts/write_docs.py --check
	$(SAM) validate --lint --template template.yaml --region eu-central-1

.PHONY: format
format: setup ## Rewrite the sources in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: setup ## Measure beside bare relays, Portkey and LiteLLM, write docs/bench.md (ARGS=--help)
	$(BIN)/python -m bench $(ARGS)

.PHONY: lock
lock: $(BIN)/uv ## Compile requirements/*.in (UPGRADE=--upgrade takes newer versions)
	$(COMPILE) $(R)/bootstrap.in -o $(R)/bootstrap.txt
	$(COMPILE) $(R)/dataplane.in $(R)/run.in $(R)/dev.in -o $(R)/dev.txt
	$(COMPILE) $(R)/dataplane.in $(R)/run.in -c $(R)/dev.txt -o $(R)/run.txt
	$(COMPILE) $(R)/dataplane.in -c $(R)/dev.txt -o $(R)/dataplane.txt
	$(COMPILE) $(R)/control.in -c $(R)/dev.txt -o $(R)/control.txt
	$(COMPILE) $(R)/semantic.in -c $(R)/dev.txt -o $(R)/semantic.txt
	$(COMPILE) $(R)/catalog.in -c $(R)/dev.txt -o $(R)/catalog.txt
	$(COMPILE) $(R)/sam.in -o $(R)/sam.txt
	$(COMPILE) $(R)/checkov.in -o $(R)/checkov.txt
	$(COMPILE) $(R)/litellm.in -o $(R)/litellm.txt
	$(COMPILE) $(R)/clients.in -o $(R)/clients.txt

.PHONY: docs
docs: setup ## Write the pages and schemas that are made from the code
	$(BIN)/python scripts/write_docs.py

.PHONY: catalog
catalog: setup ## Take prices and limits of models from the current price lists
	$(INSTALL) -r $(R)/catalog.txt
	$(BIN)/python scripts/update_catalog.py

.PHONY: clean
clean: ## Remove what can be made again; the local keys in .prxy stay
	rm -rf $(VENV) $(SAM_VENV) $(CLIENTS_NODE)/node_modules build .aws-sam .mypy_cache .ruff_cache .hypothesis .import_linter_cache
