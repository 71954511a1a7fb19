"""What a call costs: this gateway beside bare relays and LiteLLM, on loopback, every answer checked word for word."""
