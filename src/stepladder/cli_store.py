"""Commands that tend runs and stores; `cli` adds them to the others."""
