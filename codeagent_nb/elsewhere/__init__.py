"""Kernels on a server, for every surface: which server, who we are there, what cannot be done there."""
