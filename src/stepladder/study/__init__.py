"""The study file as values: recipes, techniques, designs and spaces."""
