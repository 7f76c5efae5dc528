"""Why code failed and what to do about it, for the model in short and for people. Pure: asks no kernel and no model."""
