"""How the system takes a peak, second by second."""
