"""Datasets: sources read, checked and stored once; splits, limits and facts. Knows nothing of models."""
