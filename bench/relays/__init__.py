"""The floors: programs that only pass bytes on, each a process of its own."""
