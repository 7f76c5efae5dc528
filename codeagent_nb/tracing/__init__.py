"""Traces the values of an answer to what was printed, shown or asked. Pure; knows no kernel, no loop and no view."""
