"""Checks an answer against what the run has given and what the task prescribes. Pure; knows no model and no surface."""
