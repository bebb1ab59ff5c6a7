"""Judging: accuracies in, effects with intervals and verdicts out.

Arrays and numbers alone; nothing here reads or writes a file, or knows of recipes and stores.
"""
