"""Agents that work together: AutoGen's `AssistantAgent`, `RoundRobinGroupChat`, termination conditions, `Console`."""
