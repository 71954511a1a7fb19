# The suites of the providers and of the store over the adapter of the transport port that is not the default.

.PHONY: test-transports
test-transports: setup ## Run the suites of providers and store through httpx, the transports' own with nginx if it is here
	PRXY_TEST_TRANSPORT=httpx $(BIN)/python -m pytest tests/api tests/unit/store tests/unit/life tests/contract
