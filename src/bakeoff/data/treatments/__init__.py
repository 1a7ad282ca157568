"""What a recipe does to its training examples: how often an epoch draws each, and what is done to their tokens."""
