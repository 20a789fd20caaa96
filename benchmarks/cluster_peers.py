"""Run one peer of ``clusters.py``: cluster_peers.py NAME IN.json OUT.npz (in the peers' own environment).

``hdbscan`` takes rows of embeddings and a list of settings and gives a row of labels for each setting; ``minhash``
takes lists of shingles and gives their signatures; each gives its version as well.
"""

import json
import sys
from pathlib import Path

import numpy as np


def hdbscan(given: dict) -> dict:
    import sklearn
    from sklearn.cluster import HDBSCAN

    rows = np.array(given["rows"], dtype=np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    labels = [
        HDBSCAN(min_cluster_size=size, min_samples=samples, cluster_selection_method=method, copy=True).fit_predict(
            rows
        )
        for size, samples, method in given["settings"]
    ]
    return {"labels": np.array(labels), "version": f"scikit-learn {sklearn.__version__}"}


def minhash(given: dict) -> dict:
    import datasketch

    signatures = []
    for shingles in given["shingles"]:
        signature = datasketch.MinHash(num_perm=given["permutations"])
        signature.update_batch([shingle.encode() for shingle in shingles])
        signatures.append(signature.hashvalues)
    return {"signatures": np.array(signatures, dtype=np.uint32), "version": f"datasketch {datasketch.__version__}"}


def main() -> None:
    name, given, out = sys.argv[1:]
    found = {"hdbscan": hdbscan, "minhash": minhash}[name](json.loads(Path(given).read_text()))
    np.savez(out, **found)


if __name__ == "__main__":
    main()
