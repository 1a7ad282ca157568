"""What is on disk: specs, results, states and the environment, and one owner of every path.

Every file of a run is written through `records.files` (atomic, checksummed, versioned) to a path that `records.paths`
gives. `docs/formats.md` documents each file key by key.
"""
