"""Surfaces: each is told every event and shows it. They know events, never the driver, the policy or each other."""
