"""What our executors have in common: start, stop, calls in turn, interrupts, listeners."""
