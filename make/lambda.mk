# What AWS needs. The SAM tools live in an environment of their own: they pin what the gateway must be free to move.

SAM_VENV := .venv-sam
SAM := $(SAM_VENV)/bin/sam
# samconfig.toml decides, for what is built must be what is deployed.
ARCHITECTURE := $(or $(shell sed -n '/^#/d; s/.*"Architecture=\([a-z0-9_]*\)".*/\1/p' samconfig.toml | head -n 1),arm64)
STAGE ?= default
export SAM_CLI_TELEMETRY := 0

$(SAM): $(BIN)/uv requirements/sam.txt
	@echo "installing requirements/sam.txt into $(SAM_VENV)" >&2
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(SAM_VENV)
	@$(BIN)/uv pip sync --quiet --python $(SAM_VENV)/bin/python --require-hashes requirements/sam.txt
	@touch $@

.PHONY: build
build: $(SAM) ## Build functions and layers for Lambda
	@find functions -name __pycache__ -prune -exec rm -rf {} +
	PATH="$(CURDIR)/$(BIN):$$PATH" ARCHITECTURE=$(ARCHITECTURE) $(SAM) build --config-env $(STAGE) \
		--parameter-overrides Architecture=$(ARCHITECTURE)

.PHONY: deploy
deploy: $(VENV)/run.stamp $(SAM) ## Build, deploy, make the first admin key, try it (STAGE=dev ARGS=--dry-run)
	@$(BIN)/python -m scripts.deploy up --stage $(STAGE) $(ARGS)

.PHONY: destroy
destroy: $(VENV)/run.stamp $(SAM) ## Delete the stack but its table; asks first (STAGE=dev ARGS=--dry-run)
	@$(BIN)/python -m scripts.deploy down --stage $(STAGE) $(ARGS)

.PHONY: invoke
invoke: setup $(SAM) ## Run one function under AWS's emulator: EVENT=events/chat_completions.json
	@$(BIN)/python -m scripts.invoke $(EVENT)

.PHONY: lambda
lambda: $(VENV)/run.stamp ## Run the real functions behind a local API Gateway on PORT (3099)
	@exec $(BIN)/python -m prxy.local.functions_server --port $(PORT)

# Checkov needs other versions of what the SAM tools need, and 200 MB, so it has a place of its own and waits until asked for.
CHECKOV := build/checkov-venv/checkov.stamp

$(CHECKOV): $(BIN)/uv requirements/checkov.txt
	@echo "installing requirements/checkov.txt into $(@D)" >&2
	@if $(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(@D) && \
		$(BIN)/uv pip sync --quiet --python $(@D)/bin/python --require-hashes requirements/checkov.txt; \
		then touch $@; else echo "checkov could not be installed: its tests will be skipped" >&2; fi

.PHONY: checkov
checkov: setup $(SAM) $(CHECKOV) ## Look for what is insecure in the template
	$(BIN)/python -m pytest tests/infrastructure/test_checkov.py

check: checkov
