"""Static files: which one a path means, and what of it a request gets."""
