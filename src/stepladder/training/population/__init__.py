"""Trials of one structure, trained together in one compiled program."""
