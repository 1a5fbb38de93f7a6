"""The inter-frame mode: a movie as a video whose background is treated before it is coded."""
