"""Trained artefacts, each with its card."""
