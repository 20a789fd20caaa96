"""The commands, one a file: its flags, and what it prints."""
