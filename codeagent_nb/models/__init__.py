"""Clients of language models behind one port (`types`); import the client you use from its own module."""
