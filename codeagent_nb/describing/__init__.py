"""What a kernel tells of a file or a variable: sources that are sent to it and run there. Knows no session."""
