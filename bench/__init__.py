"""What Ropewalk claims about speed, runnable: `make bench`."""
