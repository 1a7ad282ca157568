"""One loss a file: logits and targets in, one value an example and label out; the loop reduces."""
