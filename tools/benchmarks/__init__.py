"""How fast the helpers are, how they grow, and how far they are from the machine's limit."""
