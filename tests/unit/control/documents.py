"""Documents for tests: the shortest that say something, and their readings."""

from __future__ import annotations

from turnpike.control.document.kind import ResourceId
from turnpike.control.document.reading import Reading, Source
from turnpike.control.plan import Held
from turnpike.control.resources.table import id_of, read_document
from turnpike.providers.table import PROVIDERS

FILE = "turnpike.yaml"

SHAPE = """\
providers:
  - {name: openai, kind: openai, credential: "${env:OPENAI_API_KEY}"}
  - {name: local,  kind: openai-compatible, base_url: "http://127.0.0.1:9000/v1"}
models:
  - {name: fast, targets: [{provider: openai, model: gpt-4o-mini}]}
  - {name: "local/*", targets: [{provider: local, model: "*"}]}        # a pattern
teams:
  - {name: research, models: [fast]}
keys:
  - {name: research-app, team: research, secret: "${env:RESEARCH_KEY}"}
"""


def read(text: str) -> Reading:
    """The reading of a YAML document."""
    return read_document(Source(FILE, text), PROVIDERS)


def read_well(text: str) -> Reading:
    """The reading of a document in which nothing is wrong."""
    reading = read(text)
    assert reading.faults == ()
    return reading


def faults(text: str) -> list[str]:
    """The faults of a document, one line each."""
    return [str(fault) for fault in read(text).faults]


def stored(text: str, owner: str = FILE) -> dict[ResourceId, Held]:
    """The store after the document was applied to an empty one."""
    return {id_of(resource): Held(resource, owner) for resource in read_well(text).resources}
