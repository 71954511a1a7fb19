# Implementations of DynamoDB by other people, over which the contract of the store is run. Both live in build/.

STORES := build/local-stores
DYNALITE := $(STORES)/node_modules/stores.stamp
STORES_LOCK := tests/local_stores/package-lock.json
STORES_RUNS ?= 100

DYNAMODB_LOCAL := $(STORES)/dynamodb-local
DYNAMODB_LOCAL_PACKAGE := amplify-dynamodb-simulator@2.9.30
DYNAMODB_LOCAL_SUM := tests/local_stores/dynamodb-local.sha512

$(DYNALITE): $(STORES_LOCK)
	@echo "installing $(STORES_LOCK) into $(STORES)" >&2
	@mkdir -p $(STORES) && cp tests/local_stores/package*.json tests/local_stores/.npmrc $(STORES)/
	@if cd $(STORES) && npm ci --loglevel=error; then touch node_modules/stores.stamp; \
		else echo "dynalite could not be installed: its tests will be skipped" >&2; fi

# The archive is a package of Amazon's that carries their jar. What else that package needs is not installed.
$(DYNAMODB_LOCAL)/stores.stamp: $(DYNAMODB_LOCAL_SUM)
	@echo "DynamoDB Local comes under a licence of its own, which asks for an AWS account:" >&2
	@echo "read $(DYNAMODB_LOCAL)/LICENSE.txt before you use it" >&2
	@mkdir -p $(DYNAMODB_LOCAL) && cp $(DYNAMODB_LOCAL_SUM) $(DYNAMODB_LOCAL)/
	@cd $(DYNAMODB_LOCAL) && npm pack --silent $(DYNAMODB_LOCAL_PACKAGE) >/dev/null && \
		sha512sum --quiet -c $(notdir $(DYNAMODB_LOCAL_SUM)) && \
		tar -xzf amplify-dynamodb-simulator-*.tgz --strip-components=2 package/emulator && \
		rm amplify-dynamodb-simulator-*.tgz && touch stores.stamp

.PHONY: dynamodb-local
dynamodb-local: $(DYNAMODB_LOCAL)/stores.stamp ## Install DynamoDB Local (its own licence; needs Java) for test-stores

.PHONY: test-stores
test-stores: setup $(DYNALITE) ## Run the store's contract over every DynamoDB that is here (STORES_RUNS=2000)
	PRXY_TEST_STORES="moto dynalite dynamodb-local" PRXY_TEST_STORES_RUNS=$(STORES_RUNS) \
		$(BIN)/python -m pytest tests/contract/test_stores.py tests/unit/store/test_ledger_machine.py
