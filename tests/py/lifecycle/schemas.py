"""The runtime specification's own JSON schemas, kept under tests/data/runtime-spec."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

DIRECTORY = Path(__file__).resolve().parents[2] / "data/runtime-spec"


def _read(name: str) -> Resource[object]:
    return DRAFT4.create_resource(json.loads((DIRECTORY / name).read_text()))


def check(document: object, schema: str) -> None:
    """Validate a document, e.g. against ``state-schema.json``.

    Raises:
        jsonschema.ValidationError: it is not valid; the message says where.
    """
    registry: Registry[object] = Registry(retrieve=_read)  # type: ignore[call-arg]
    contents = json.loads((DIRECTORY / schema).read_text())
    jsonschema.Draft4Validator(contents, registry=registry).validate(document)
