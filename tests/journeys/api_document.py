"""The served OpenAPI document, and what can be asked of it."""

import re
from collections.abc import Iterator
from typing import Any

METHODS = ("get", "put", "post", "delete", "patch")

# With these a client writes; each takes a body or none.
WRITING = ("put", "post", "patch")

_TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
_PLACES = {"path", "query", "header", "cookie"}


class Operation:
    """One method of one path."""

    def __init__(self, document: dict[str, Any], path: str, method: str) -> None:
        self.document = document
        self.path = path
        self.method = method
        self.spec: dict[str, Any] = document["paths"][path][method]

    def __repr__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def is_public_api(self) -> bool:
        """Not one of those for operators."""
        return self.path.startswith("/api/v1/")

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return self.spec.get("parameters", [])

    def names(self, place: str) -> list[str]:
        """The parameters that are in the path, or in the query."""
        return [parameter["name"] for parameter in self.parameters if parameter["in"] == place]

    @property
    def is_stream(self) -> bool:
        """Its answer has no end."""
        return "text/event-stream" in self.spec["responses"].get("200", {}).get("content", {})

    @property
    def body(self) -> dict[str, Any] | None:
        """The schema of the JSON body."""
        content = self.spec.get("requestBody", {}).get("content", {})
        return content.get("application/json", {}).get("schema")

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Follow references; of several shapes take the first that is not null."""
        while "$ref" in schema or "oneOf" in schema:
            if "$ref" in schema:
                schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            else:
                chosen = next(each for each in schema["oneOf"] if each.get("type") != "null")
                schema = {key: value for key, value in schema.items() if key != "oneOf"} | chosen
        return schema

    def example(self, schema: dict[str, Any]) -> Any:
        """A value made of the examples. Raises `LookupError` with a pointer where there is none."""
        schema = self.resolve(schema)
        if "examples" in schema:
            return schema["examples"][0]
        for word in ("const", "default"):
            if word in schema:
                return schema[word]
        if "enum" in schema:
            return schema["enum"][0]
        if "properties" in schema:
            return {name: self._member(name, member) for name, member in schema["properties"].items()}
        if schema.get("type") == "array":
            return [self._member("0", schema["items"])]
        if schema.get("type") == "boolean":
            return True
        raise LookupError

    def _member(self, name: str, schema: dict[str, Any]) -> Any:
        try:
            return self.example(schema)
        except LookupError as error:
            raise LookupError(f"/{name}{error}") from None


def operations_of(document: dict[str, Any]) -> list[Operation]:
    """All operations, in the document's order."""
    return [
        Operation(document, path, method)
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


def faults_of(document: dict[str, Any]) -> Iterator[str]:
    """What the OpenAPI 3.1 specification would not accept, as far as it can be said in one page."""
    if not re.fullmatch(r"3\.1\.\d+", document["openapi"]):
        yield f"openapi is {document['openapi']}"
    for member in ("title", "version"):
        if not document["info"].get(member):
            yield f"info has no {member}"
    yield from _faults_of_names(document)
    for operation in operations_of(document):
        yield from (f"{operation}: {fault}" for fault in _faults_of_operation(operation))
    yield from _faults_of_schemas(document, "#", document["paths"])
    yield from _faults_of_schemas(document, "#/components/schemas", document["components"]["schemas"])


def _faults_of_names(document: dict[str, Any]) -> Iterator[str]:
    tags = [tag["name"] for tag in document["tags"]]
    if len(set(tags)) < len(tags):
        yield "a tag is declared twice"
    for kind, components in document["components"].items():
        for name in components:
            if not re.fullmatch(r"[a-zA-Z0-9._-]+", name):
                yield f"components/{kind}/{name} is no name"
    for path, item in document["paths"].items():
        if not path.startswith("/"):
            yield f"{path} does not begin with a slash"
        if unknown := set(item) - {*METHODS, "parameters", "summary", "description"}:
            yield f"{path} has {unknown}"


def _faults_of_operation(operation: Operation) -> Iterator[str]:
    spec = operation.spec
    declared = {tag["name"] for tag in operation.document["tags"]}
    if not set(spec.get("tags", [])) <= declared:
        yield f"tags {spec['tags']} are not declared"
    schemes = set(operation.document["components"].get("securitySchemes", {}))
    if not {name for wanted in spec.get("security", []) for name in wanted} <= schemes:
        yield "an unknown security scheme"
    if "requestBody" in spec and not spec["requestBody"]["content"]:
        yield "a body without content"
    if not any(status.startswith("2") for status in spec["responses"]):
        yield "no success is described"
    for status, response in spec["responses"].items():
        if not re.fullmatch(r"[1-5]\d\d|default", status) or not response.get("description"):
            yield f"response {status} has no description"
    yield from _faults_of_parameters(operation)


def _faults_of_parameters(operation: Operation) -> Iterator[str]:
    if sorted(operation.names("path")) != sorted(re.findall(r"{(\w+)}", operation.path)):
        yield f"path parameters are {operation.names('path')}"
    keys = [(parameter["name"], parameter["in"]) for parameter in operation.parameters]
    if len(set(keys)) < len(keys):
        yield "a parameter is declared twice"
    for parameter in operation.parameters:
        if parameter["in"] not in _PLACES or "schema" not in parameter:
            yield f"parameter {parameter['name']} has no place or no schema"
        if parameter["in"] == "path" and parameter.get("required") is not True:
            yield f"parameter {parameter['name']} must be required"


def _faults_of_schemas(document: dict[str, Any], place: str, part: Any) -> Iterator[str]:
    """Every reference leads somewhere, every type is one, what is required is there."""
    if isinstance(part, dict):
        members: dict[str, Any] = part
        yield from (f"{place}: {fault}" for fault in _faults_of_schema(document, members))
        for name, item in members.items():
            if name not in {"examples", "example", "default"}:
                yield from _faults_of_schemas(document, f"{place}/{name}", item)
    elif isinstance(part, list):
        items: list[Any] = part
        for index, item in enumerate(items):
            yield from _faults_of_schemas(document, f"{place}/{index}", item)


def _faults_of_schema(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            target = target.get(step, {})
        if not target:
            yield f"{reference} is not there"
    kinds = schema.get("type", [])
    # A property may be called "type" too: then its value is a schema.
    if isinstance(kinds, str | list) and not {*([kinds] if isinstance(kinds, str) else kinds)} <= _TYPES:
        yield f"there is no type {kinds}"
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, dict) and isinstance(required, list) and not {*required} <= {*properties}:
        yield f"of {required} not all are there"
