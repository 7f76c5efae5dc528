"""The stage: a private folder that code works in, so that the user's own is never writable from inside (design D16).

`stage` ties the others together: `mirror` shows the user's files to the code and puts back what it did to them,
`delivery` copies out what the code made, by `kinds` and `ownership`. `trees` is how all of them touch folders.
"""
