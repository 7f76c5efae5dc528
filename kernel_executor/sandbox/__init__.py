"""What holds executed code, and what is seen of it from outside. Knows no kernel."""
