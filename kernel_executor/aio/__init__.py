"""Work that is awaited, cancelled and ended. Knows asyncio only."""
