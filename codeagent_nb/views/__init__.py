"""Surfaces: each is called with every event and shows it. They know events, no driver, no policy, no other view."""
