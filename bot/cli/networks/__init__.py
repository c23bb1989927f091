"""Commands that train and evaluate the networks."""
