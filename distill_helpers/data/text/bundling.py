"""How the bundled text was made: the topics of Python's own help, from the standard library of the Python that runs this.

    python -m distill_helpers.data.text.bundling OUT

The bundled file was made by Python 3.11.7; another version has other topics, and another checksum.
"""

import gzip
import json
import sys
from pathlib import Path


def packed(topics: dict[str, str]) -> bytes:
    """{topic: text} as gzipped JSON, the same bytes each time."""
    text = json.dumps(dict(sorted(topics.items())), ensure_ascii=False, indent=0)
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


if __name__ == "__main__":
    from pydoc_data.topics import topics

    (Path(sys.argv[1]) / "pydoc_topics.json.gz").write_bytes(packed(topics))
