"""One folder, one kernel, one conversation, one notebook."""
