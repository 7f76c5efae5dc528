"""One task: what is next, and doing it. Knows no surface."""
