"""What is wrong with an arm: evidence, rules, findings."""
