"""What is wrong with a dataset before a week is spent on it: duplicates, leaks, conflicts, doubtful labels, odd texts."""
