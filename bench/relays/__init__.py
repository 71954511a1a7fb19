"""The floors: programs that pass bytes on, and translate at the most, each a process of its own."""
