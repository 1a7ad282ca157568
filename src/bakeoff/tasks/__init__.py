"""The task kinds: encode, head, decode, score."""
