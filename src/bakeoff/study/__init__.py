"""The study file: read and checked with all faults at once, and expanded to a plan."""
