"""HTML and figures from one Analysis. Computes no scores: what stands in a report stands in the analysis."""
