"""What training did to a model: vectors of every layer, read from base and tuned models. Reached through `worker` alone."""
