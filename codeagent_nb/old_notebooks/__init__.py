"""Notebooks of version 0.1, in which code that failed is stored as code, and outputs as the code has shown them."""
