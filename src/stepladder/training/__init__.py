"""What trains: groups of trials, the two engines, and the process that they run in."""
