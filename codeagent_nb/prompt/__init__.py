"""What a model is told: a projection of the log. Knows no surface."""
