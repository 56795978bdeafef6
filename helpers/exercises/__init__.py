"""Checks of the chapters' exercises: one module a chapter, one function an exercise."""
