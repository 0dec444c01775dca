"""An exchange held against an OpenAPI 3.1 document: each thing that it doesn't allow, or doesn't know.

3.1's schemas are JSON Schema, so that `jsonschema` judges them as they stand.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.support.recording import Exchange

Json = dict[str, Any]
HERE = "urn:openapi"
METHODS = ("get", "put", "post", "delete", "patch")
SENT_BY_ALL = {"authorization", "content-type", "content-length", "user-agent", "accept", "accept-encoding"} | {
    "host",
    "connection",
}


@dataclass(frozen=True, order=True)
class Problem:
    """What the document says otherwise: in which operation, at which place, and which of its rules."""

    operation: str
    at: str
    rule: str
    """A keyword of JSON Schema with what was missed, or `unknown`: the document doesn't mention it."""

    def __str__(self) -> str:
        return f"{self.operation} | {self.at} | {self.rule}"


class Document:
    """An OpenAPI document. Its operations are known by method and path template."""

    def __init__(self, path: Path) -> None:
        self._document = yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        resource = Resource(self._document, DRAFT202012)
        self._registry: Any = Registry().with_resource(HERE, resource)
        self._operations = [
            (method.upper(), template, _pattern(template), operation)
            for template, item in self._document["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        ]

    def problems(self, exchange: Exchange) -> Iterator[Problem]:
        """All that is wrong with an exchange, or unknown to the document."""
        found = self._operation(exchange.method, exchange.path)
        if found is None:
            yield Problem(f"{exchange.method} {exchange.path}", "path", "unknown")
            return
        name, operation, names = found
        for at, rule in (*self._asked(operation, names, exchange), *self._answered(operation, exchange)):
            yield Problem(name, at, rule)

    def describes_answer(self, exchange: Exchange) -> bool:
        """Whether there is a schema for the answer's body."""
        found = self._operation(exchange.method, exchange.path)
        return found is not None and self._answer_schema(found[1], exchange.status) is not None

    def _operation(self, method: str, path: str) -> tuple[str, Json, dict[str, str]] | None:
        fitting = [
            (template, operation, match.groupdict())
            for wanted, template, pattern, operation in self._operations
            if wanted == method and (match := pattern.fullmatch(path))
        ]
        if not fitting:
            return None
        template, operation, names = min(fitting, key=lambda each: each[0].count("{"))
        return f"{method} {template}", operation, names

    # --- what was asked --------------------------------------------------------------------------------------------

    def _asked(self, operation: Json, names: dict[str, str], exchange: Exchange) -> Iterator[tuple[str, str]]:
        parameters = operation.get("parameters", [])
        places = {"path": names, "query": dict(exchange.query), "header": exchange.headers}
        for each in parameters:
            given = places[each["in"]].get(each["name"].lower() if each["in"] == "header" else each["name"])
            yield from self._parameter(each, None if given is None else unquote(given))
        known = {(each["in"], each["name"].lower()) for each in parameters}
        yield from ((f"query {name}", "unknown") for name, _ in exchange.query if ("query", name) not in known)
        sent = set(exchange.headers) - SENT_BY_ALL
        yield from ((f"header {name}", "unknown") for name in sorted(sent) if ("header", name) not in known)
        if not re.fullmatch(r"Bearer \S+", exchange.headers.get("authorization", "")):
            yield "header authorization", "security"
        yield from self._body(operation.get("requestBody"), exchange)

    def _parameter(self, parameter: Json, given: str | None) -> Iterator[tuple[str, str]]:
        at = f"{parameter['in']} {parameter['name']}"
        if given is not None:
            yield from self._judged(parameter["schema"], _value(given, parameter["schema"]), at)
        elif parameter.get("required"):
            yield at, "required"

    def _body(self, wanted: Json | None, exchange: Exchange) -> Iterator[tuple[str, str]]:
        if exchange.body is None:
            if wanted and wanted.get("required"):
                yield "body", "required"
            return
        kind = exchange.headers.get("content-type", "")
        if wanted is None or kind not in wanted["content"]:
            yield f"body {kind}".strip(), "unknown"
            return
        yield from self._judged(wanted["content"][kind]["schema"], exchange.body, "body")

    # --- what was answered -----------------------------------------------------------------------------------------

    def _answered(self, operation: Json, exchange: Exchange) -> Iterator[tuple[str, str]]:
        at = str(exchange.status)
        if at not in operation["responses"]:
            yield at, "unknown"
            return
        if (schema := self._answer_schema(operation, exchange.status)) is not None:
            if exchange.answer_headers.get("content-type") != "application/json":
                yield f"{at} content-type", "unknown"
            yield from self._judged(schema, exchange.answer, at)

    def _answer_schema(self, operation: Json, status: int) -> Json | None:
        response = self._resolved(operation["responses"].get(str(status), {}))
        content: Json = response.get("content", {})
        return content["application/json"]["schema"] if "application/json" in content else None

    # --- schemas ---------------------------------------------------------------------------------------------------

    def _judged(self, schema: Json, value: Any, at: str) -> Iterator[tuple[str, str]]:
        absolute = _absolute(schema)
        validator = Draft202012Validator(absolute, registry=self._registry, format_checker=FormatChecker())
        for error in validator.iter_errors(value):
            yield _place(at, error.absolute_path), _rule(error)
        yield from ((place, "unknown") for place in self._unknown(schema, value, at))

    def _unknown(self, schema: Json, value: Any, at: str) -> Iterator[str]:
        """The properties that a schema doesn't mention, where it mentions any."""
        schema = self._resolved(schema)
        if isinstance(value, list):
            for each in value:
                yield from self._unknown(schema.get("items", {}), each, f"{at}[]")
        known = dict(self._properties(schema))
        if not isinstance(value, dict) or not known:
            return
        for name, each in value.items():
            place = f"{at}.{name}" if " " in at else f"{at} {name}"
            if name in known:
                yield from self._unknown(known[name], each, place)
            elif not schema.get("additionalProperties"):
                yield place

    def _properties(self, schema: Json) -> Iterator[tuple[str, Json]]:
        for part in (schema, *map(self._resolved, schema.get("allOf", []))):
            yield from part.get("properties", {}).items()

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            node: Any = self._document
            for name in schema["$ref"].removeprefix("#/").split("/"):
                node = node[name]
            schema = node
        return schema


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))


def _absolute(schema: Any) -> Any:
    """The schema with references that are found from anywhere."""
    if isinstance(schema, list):
        return [_absolute(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: f"{HERE}{value}" if name == "$ref" and value.startswith("#") else _absolute(value)
        for name, value in schema.items()
    }


def _value(text: str, schema: Json) -> Any:
    """What a parameter's text means under its schema."""
    if schema.get("type") == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    return text


def _place(at: str, path: Any) -> str:
    names = "".join("[]" if isinstance(each, int) else f".{each}" for each in path)
    return f"{at}{names}" if names.startswith("[") or " " in at else f"{at} {names.removeprefix('.')}".strip()


def _rule(error: Any) -> str:
    """The keyword, and what it speaks of where that tells one case from another."""
    match error.validator:
        case "required":
            return "required " + error.message.split("'")[1]
        case "enum":
            return f"enum {error.instance}"
        case "type":
            return f"type {type(error.instance).__name__}"
    return str(error.validator)
