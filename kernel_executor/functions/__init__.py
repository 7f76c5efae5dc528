"""Functions that executed code may import, and the packages they need."""
