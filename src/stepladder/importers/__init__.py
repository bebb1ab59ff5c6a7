"""Readers of scores that other tools wrote."""
