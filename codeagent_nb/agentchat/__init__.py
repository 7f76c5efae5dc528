"""AutoGen's surroundings: teams, tools, components."""
