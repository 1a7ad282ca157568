"""Malformed study files and tables, and pieces that break good ones."""

from __future__ import annotations

import io
from collections.abc import Iterator

STUDY = b"""tasks: {demo: {dataset: demo, metric: f1_macro, train_limit: 100}}
defaults: {training: {epochs: 2, learning_rate: 1e-4}}
recipes:
  bce: {loss: bce}
  asl: {loss: {name: asymmetric, gamma_neg: 2}, treatment: {sampling: {name: oversample, by: 0.5}}}
seeds: [1, 2]
claims: [asl beats bce by 10% in f1_macro on demo]
"""
CSV = b"id,text,label\n" + b"".join(b"%d,some words of number %d,%s\n" % (n, n, b"ab"[n % 2 : n % 2 + 1]) for n in range(30))
JSONL = b"".join(b'{"id": "%d", "text": "some words %d", "labels": ["a", "b"]}\n' % (n, n) for n in range(30))
TSV = CSV.replace(b",", b"\t")
PIECES = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b'"',
    b"'",
    b"\n",
    b"\r",
    b"\t",
    b",",
    b"{",
    b"}",
    b"[",
    b"]",
    b": ",
    b"&a *a",
    b"!!python/x",
    b"\xe2\x80\xa8",
    b"\xed\xa0\x80",
    b"nan",
    b"-1",
    b"1e999",
    b"null",
    b"- ",
    b"#",
    b"%",
    b"|",
    b"\xc3",
    b"9" * 400,
)
WRONG_STUDIES = (
    b"",
    b"[]",
    b"- a\n",
    b"tasks",
    b"tasks:\n\t- x",
    b"tasks: {",
    b"a: 1\na: 2\n",
    b"\xff",
    b"tasks: {demo: {dataset: nothing}}\n",
    b"tasks: {demo: {dataset: demo}}\nrecipes: {a: {los: bce}}\n",
    b"tasks: 3\n",
    b"tasks: {}\n",
    b"recipes: {a: {}}\n",
    b"tasks: {demo: {dataset: demo}}\nrecipes: {a: {}}\nseeds: [1, 1]\n",
    b"a: &x [*x]\n",
    b"a: !!python/object:os.system x\n",
    b"---\na: 1\n---\nb: 2\n",
    b"tasks: {demo: {dataset: demo}}\nrecipes: {a: {training: {epochs: 0}}}\n",
    b"? [a]\n: b\n",
    b"%YAML 9.9\n---\na",
    b"tasks: {demo: {dataset: demo}}\nrecipes: {a: {}}\nclaims: [a is nice]\n",
    b"tasks: {demo: {file: no.csv}}\nrecipes: {a: {}}\n",
    b"bakeoff: 2\ntasks: {demo: {dataset: demo}}\nrecipes: {a: {}}\n",
    b"[" * 5_000,
    b"a: " + b"{a: " * 3_000,
)
WRONG_TABLES = (
    b"",
    b"\n\n",
    b"text\n",
    b"text,label\n",
    b"text,label\na\n",
    b"text,label\na,b,c\n",
    b"text,text\na,b\n",
    b"\xff\xfe\x00",
    b'text,label\n"a,b\n',
    b"label\nx\ny\n",
    b"text,label\n,a\n,b\n",
    b"\x00\x01\x02",
    b"text,label\na,\nb,\n",
    b"\xef\xbb\xbf",
    b"text;label\na;b;c\nd\n",
    b"1,2\n3,4\n",
    b"text,label\n\xff,a\n",
    b"text,label\r\rx",
    b"a" * 10_000,
    b"text,label\n" + b"x,y\n" * 2 + b'"',
)
WRONG_LINES = (
    b"",
    b"{}",
    b"[]",
    b"{",
    b'{"text": }',
    b"null\n",
    b"1\n2\n",
    b'{"text": "a"}\n{"text": "b"}',
    b'{"text": 1, "label": {}}',
    b"[" * 9_000,
    b'{"text": "a", "label": [["x"], [1]]}\n{"text": "b", "label": ["1"]}',
    b'{"text": null, "label": "a"}',
    b'\xff{"text": "a"}',
    b'{"text": "a", "label": NaN}',
    b'{"text": "a", "label": "1"}\n{"text": "b", "label": 1}',
    b'"text"',
    b"{}\n{}\n{}",
)


def parquet(broken: bool = False) -> bytes:
    """A Parquet file of thirty rows, or one without its end."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = io.BytesIO()
    pq.write_table(pa.table({"text": [f"words {n}" for n in range(30)], "label": ["a", "b"] * 15}), target)
    return target.getvalue()[: -20 if broken else None]


def malformed() -> Iterator[tuple[str, bytes]]:
    """Files that are wrong in ways that people bring about: a suffix and content each, over a hundred."""
    yield from (("yaml", content) for content in WRONG_STUDIES)
    for suffix in ("csv", "tsv"):
        yield from ((suffix, content) for content in WRONG_TABLES)
    for suffix in ("jsonl", "json"):
        yield from ((suffix, content) for content in WRONG_LINES)
    for content in (b"", b"PAR1", parquet(broken=True), b"PAR1" + b"\x00" * 50 + b"PAR1"):
        yield "parquet", content
        yield "arrow", content
