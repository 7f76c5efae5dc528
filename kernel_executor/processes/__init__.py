"""Processes that we start and end. Knows no kernel."""
