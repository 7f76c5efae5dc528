"""Cells that the agent writes into the open notebook."""
