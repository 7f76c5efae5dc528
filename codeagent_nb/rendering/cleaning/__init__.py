"""Takes out of outputs what loads or runs. Pure."""
