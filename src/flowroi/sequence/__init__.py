"""Movies coded from frame to frame with AV1 or HEVC, through PyAV: the smallest archives, of at most 10 or 12 bits."""
