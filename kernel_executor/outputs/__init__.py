"""What executed code shows, from a kernel's message to nbformat outputs. Knows no socket."""
