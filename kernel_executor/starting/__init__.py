"""How kernels of this machine come to be: what is started, where its files lie, and what forks it."""
