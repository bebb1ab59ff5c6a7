"""Figures: the numbers that each shows, its words, and how it is drawn."""
