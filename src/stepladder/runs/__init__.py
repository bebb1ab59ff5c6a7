"""From a study to its results: planning, executing, judging."""
