"""Known formats of recorded traffic, one module each: a table, and which column is which."""
