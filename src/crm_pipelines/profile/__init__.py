"""Customer profiles (paper D): segments of what customers do and say, and one row each for use."""
