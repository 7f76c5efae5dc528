"""What can be clicked and typed into in a notebook."""
