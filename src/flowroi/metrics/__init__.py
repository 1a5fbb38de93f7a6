"""What compression does to a movie, in numbers: picture, cells, tracks and migration."""
