"""What attacks the product: broken pages, worst cases of patterns, ended processes. Used by tests/ and by tests/soak/."""
