"""Folders and files of ours where others can write, too. Knows no kernel."""
