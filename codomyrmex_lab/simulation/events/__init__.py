"""The event simulation: requests and settings as plain arrays, a compiled kernel, a reference."""
