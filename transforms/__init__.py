"""The stages of Copydesk and, in ``transforms.core``, the functions that they call."""
