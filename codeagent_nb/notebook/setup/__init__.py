"""What is asked before a first task can run: a model, and which files it may see."""
