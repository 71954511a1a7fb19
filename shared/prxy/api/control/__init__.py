"""The control plane: the admin API, on FastAPI. Nothing of the data plane imports it."""
