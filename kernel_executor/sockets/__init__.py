"""A kernel's sockets: bytes to messages, bounded. Knows no block."""
