"""The only door to torch: a process that runs one `job.json` and leaves one `outcome.json`.

Nobody imports this package; it is started by name (`python -m bakeoff.worker`). It imports nothing heavy by itself: the
jobs do, or the warm parent does for them.
"""
