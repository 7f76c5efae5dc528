"""Turns what models and executed code say into what a trusting front end may show. Knows no event and no surface."""
