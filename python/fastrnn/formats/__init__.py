"""Files of weights and models."""
