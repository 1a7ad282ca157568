"""Secrets are hidden wherever a text could carry them, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.records.secrets import HIDDEN, RedactedStream, Redactor

ENVIRONMENT = {
    "HF_TOKEN": "hf_abcdefgh123",
    "AWS_SECRET_ACCESS_KEY": "wJalr/XUtn+FEMI",
    "DATABASE_URL": "postgres://user:pa55word-long@db.example/x",
    "KEYBOARD": "qwertzuiop",
    "SSH_AUTH_SOCK": "/tmp/agent.123456",
    "API_KEY": "short",
    "PATH": "/usr/bin:/bin",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token hf_abcdefgh123!", f"token {HIDDEN}!"),
        ("cannot reach postgres://user:pa55word-long@db.example/x", f"cannot reach postgres://{HIDDEN}@db.example/x"),
        ("the password was pa55word-long", f"the password was {HIDDEN}"),
        ("https://a:b@host/x?token=abc&n=1", f"https://{HIDDEN}@host/x?token={HIDDEN}&n=1"),
        ("GET /m?access_token=zzz", f"GET /m?access_token={HIDDEN}"),
        ("qwertzuiop on a keyboard, /usr/bin:/bin, short", "qwertzuiop on a keyboard, /usr/bin:/bin, short"),
        ("at 12:30 mail a:b@example.org to http://host:8000/x", "at 12:30 mail a:b@example.org to http://host:8000/x"),
        ("wJalr/XUtn+FEMI", HIDDEN),
    ],
)
def test_what_is_hidden_and_what_stays(text: str, expected: str) -> None:
    assert Redactor(ENVIRONMENT).text(text) == expected


def test_plain_data_are_searched_through() -> None:
    given_ = {"reason": "bad hf_abcdefgh123", "more": [{"x": "hf_abcdefgh123"}, 3, None]}
    assert Redactor(ENVIRONMENT).values(given_) == {"reason": f"bad {HIDDEN}", "more": [{"x": HIDDEN}, 3, None]}


@given(st.lists(st.integers(1, 9), max_size=40))
def test_a_secret_cut_into_pieces_is_hidden(cuts: list[int]) -> None:
    data = b"begin hf_abcdefgh123 end\nnext \xff hf_abcdefgh123\rlast hf_abcdefgh123"
    stream, out = RedactedStream(Redactor(ENVIRONMENT)), b""
    for size in cuts:
        out += stream.feed(data[:size])
        data = data[size:]
    out += stream.feed(data) + stream.close()
    hidden = HIDDEN.encode()
    assert out == b"begin " + hidden + b" end\nnext \xff " + hidden + b"\rlast " + hidden


def test_text_without_secrets_passes_unchanged() -> None:
    stream = RedactedStream(Redactor({}))
    assert stream.feed(b"x" * 100_000) == b"x" * 100_000
