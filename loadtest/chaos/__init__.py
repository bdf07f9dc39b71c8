"""The fault matrix: realistic traffic, one fault at a time, and a judge who knows every number."""
