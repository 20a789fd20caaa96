"""The phases, one a file: what it runs and counts, then its graphs.

Each phase reads the files of the one before. A graph is built by a function ``define_...`` on a root that it is given;
it runs nothing. Page text stays inside fused steps; only ids, hashes, small fields and vector bytes cross a shuffle.
"""
