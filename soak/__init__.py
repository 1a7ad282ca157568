"""The fault table: what Bakeoff must survive, tried for real. `make soak`; see README.md here."""
