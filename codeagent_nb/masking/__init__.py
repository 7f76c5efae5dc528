"""Finds secrets in text as a reader sees it. Knows no event and no surface."""
