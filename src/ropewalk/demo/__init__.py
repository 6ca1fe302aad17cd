"""What `ropewalk demo` shows: a vendor that doesn't exist, with customers that don't either."""
