"""Runs code blocks as scripts: each in a process of its own, sharing nothing but files."""
