"""What is inside the explorers of `helpers.explorers`: data, markup, style and scripts."""
