"""Where and in which order trials are trained."""
