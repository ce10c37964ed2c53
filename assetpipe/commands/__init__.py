"""The commands, by subject. Each parses, calls the Python API once, and prints: data to stdout, talk to stderr."""
