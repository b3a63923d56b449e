"""Readers of files in a folder or a zip file."""
