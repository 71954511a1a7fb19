"""prxy: an LLM gateway that runs serverless on AWS."""

__version__ = "0.1.0"
