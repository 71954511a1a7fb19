"""What a call costs: this gateway beside bare relays, Portkey and LiteLLM, on loopback, every answer checked."""
