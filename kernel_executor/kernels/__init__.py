"""Code in a managed Jupyter kernel."""
