"""The prompt: a projection of the log. Knows no surface."""
