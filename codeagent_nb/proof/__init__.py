"""Whether a notebook says what its code does: it runs again in a sandbox, and what comes out is compared (D22)."""
