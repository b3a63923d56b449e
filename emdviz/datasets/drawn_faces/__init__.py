"""Faces of all ages, drawn with torch."""
