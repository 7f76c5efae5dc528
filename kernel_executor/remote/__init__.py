"""Kernels on a Jupyter server: started and ended by its REST API, spoken to over its websocket. One room, no other."""
