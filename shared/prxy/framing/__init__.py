"""Bytes <-> frames, sans I/O."""
