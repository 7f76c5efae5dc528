"""Brings variables of executed code home as data (design D21).

`kernel_executor.in_kernel.packing` writes a parcel where the code works. Here it is copied to where nobody can change
it, checked in a sandboxed process of its own, and only then read: `fetch` says how, `parcel` what it looks like.
"""
