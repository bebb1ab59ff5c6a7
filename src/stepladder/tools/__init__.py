"""Installation check, benchmark and live page."""
