"""The network by name: a proxy outside of a sandbox, listening inside. Knows no kernel, sandbox or stage."""
