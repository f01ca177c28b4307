"""A lint or type rule is lifted only with its reason beside it."""

from __future__ import annotations

import io
import re
import tokenize

from tests.architecture.tree import all_sources

DIRECTIVE = re.compile(
    r"#\s*(?:"
    r"noqa(?::\s*[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*)?"
    r"|type:\s*ignore(?:\[[^\]]*\])?"
    r"|pragma:\s*[a-z ]+?(?=\s*(?:#|-|—|$))"
    r")"
)
# A fence's own rules are lifted in exemptions.toml, nowhere else.
FENCE_RULES = re.compile(r"noqa:[^#—-]*\b(C901|PLC0415|TID25[123])\b")


def test_every_ignore_says_why() -> None:
    assert [place for place, comment in _ignores() if not _says_why(comment)] == []


def test_no_ignore_lifts_a_fence() -> None:
    assert [place for place, comment in _ignores() if FENCE_RULES.search(comment)] == []


def _ignores() -> list[tuple[str, str]]:
    found = []
    for source in all_sources():
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT and DIRECTIVE.search(token.string):
                found.append((f"{source.path}:{token.start[0]} {token.string}", token.string))
    return found


def _says_why(comment: str) -> bool:
    return len(re.findall(r"[^\W\d_]{2,}", DIRECTIVE.sub("", comment))) >= 2
