"""Results in, one Analysis out: scores, thresholds, ranking, and the facts that a report needs.

`analyse` needs the run folder alone. Test scores come out of `analyse` only, behind the gate in `gate.py`.
"""
