"""Executors start jobs by name; the runner watches them, ends them in time, and puts what they leave into place."""
