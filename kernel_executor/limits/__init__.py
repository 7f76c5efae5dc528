"""How much of the machine sandboxed code may use, and who looks after it. Knows no sandbox and no kernel."""
