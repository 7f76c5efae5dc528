"""Runs code in a container: in a kernel where its image has one, else as scripts."""
