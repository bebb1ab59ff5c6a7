"""Searching: from a space to its best recipe, trained as populations and told as it is."""
