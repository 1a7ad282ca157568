"""Before a minute is spent: what is missing, why, and how to mend it; what a study will cost, and what it needs fetched."""
