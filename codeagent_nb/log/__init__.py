"""What happened: kept, masked, saved line by line. Knows no surface."""
