"""What attacks the product: broken pages, worst cases of patterns, ended processes."""
