# Other people's clients, which tests/clients points at the gateway. Each kind lives in a place of its own: they pin
# what the gateway must be free to move. What cannot be installed here is named, and its tests are skipped.

CLIENTS_VENV := build/clients-venv
CLIENTS_NODE := tests/clients/node
CLIENTS := $(CLIENTS_VENV)/clients.stamp $(CLIENTS_NODE)/node_modules/clients.stamp

$(CLIENTS_VENV)/clients.stamp: $(BIN)/uv requirements/clients.txt
	@echo "installing requirements/clients.txt into $(CLIENTS_VENV)" >&2
	@if $(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(CLIENTS_VENV) && \
		$(BIN)/uv pip sync --quiet --python $(CLIENTS_VENV)/bin/python --require-hashes requirements/clients.txt; \
		then touch $@; else echo "the Python clients could not be installed: their tests will be skipped" >&2; fi

$(CLIENTS_NODE)/node_modules/clients.stamp: $(CLIENTS_NODE)/package-lock.json
	@echo "installing $(CLIENTS_NODE)/package-lock.json" >&2
	@if cd $(CLIENTS_NODE) && npm ci --loglevel=error; then touch node_modules/clients.stamp; \
		else echo "the Node clients could not be installed: their tests will be skipped" >&2; fi

.PHONY: clients
clients: $(CLIENTS) ## Install the clients that tests/clients points at the gateway
