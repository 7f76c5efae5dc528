"""What each surface shows of the events. Pure; knows no surface."""
