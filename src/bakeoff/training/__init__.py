"""Model and method, the one training loop, checkpoints, gradient health."""
