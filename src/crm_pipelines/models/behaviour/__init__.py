"""Models of the next behaviour (paper A), one file each."""
