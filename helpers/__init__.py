"""Thin helpers shared by the chapters; each module is short enough to read."""
