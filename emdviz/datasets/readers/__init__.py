"""Readers of files: from a folder or a zip file to what lies in it."""
