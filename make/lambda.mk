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
deploy: build ## Deploy what is built (STAGE=default, dev or prod, as in samconfig.toml)
	$(SAM) deploy --config-env $(STAGE)

.PHONY: lambda
lambda: $(VENV)/run.stamp ## Run the real functions behind a local API Gateway on PORT (3099)
	@exec $(BIN)/python -m prxy.local.functions_server --port $(PORT)
