"""What runs in the embedded model's process: the standard library and xllamacpp only, loaded by `main.py`."""
