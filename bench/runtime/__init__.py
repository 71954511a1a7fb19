"""The streaming Lambda runtime, measured on the double of the Runtime API; `python -m bench.runtime --help`."""
