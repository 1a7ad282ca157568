"""For tests, ours and those of plug-ins: contract suites, and tiny models made on the spot. Nothing in Bakeoff imports it."""
