"""template.yaml as far as a local API Gateway needs it: functions, their routes, and the gateway's own answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class TemplateError(Exception):
    """The template does not say what a route needs. Names the resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTemplate:
    name: str
    folder: Path
    handler: str
    timeout_s: int
    variables: Mapping[str, str]
    """Those whose value does not depend on a deployed resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTemplate:
    method: str
    """In capitals, or ANY."""
    resource: str
    """With its placeholders, as in `/v1/keys/{id}`."""
    pattern: re.Pattern[str]
    function: str
    streams: bool
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayResponse:
    status: int
    template: str
    """VTL, of which only `$context.error.messageString` is understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterTemplate:
    name: str
    default: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    functions: Mapping[str, FunctionTemplate]
    routes: tuple[RouteTemplate, ...]
    """In order of precedence: a literal part before a placeholder, a placeholder before a greedy one."""
    gateway_responses: Mapping[str, GatewayResponse]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref X` is {"Ref": X}, `!Sub X` is {"Fn::Sub": X}."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> object:
    match node:
        case yaml.ScalarNode():
            value: object = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
        case _:
            raise TemplateError(f"!{suffix} stands before something that is no value")
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def read_template(path: Path) -> Template:
    """Raises TemplateError, and OSError where there is no such file."""
    document: Mapping[str, Any] = _Loader(path.read_text(encoding="utf-8")).get_single_data()
    resources: Mapping[str, Any] = document["Resources"]
    common: Mapping[str, Any] = document.get("Globals", {}).get("Function", {})
    parameters = {name: given.get("Default", "") for name, given in document.get("Parameters", {}).items()}
    functions = {
        name: {**common, **resource["Properties"]}
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    routes = [route for name, properties in functions.items() for route in _routes(name, properties)]
    return Template(
        functions={name: _function(name, path.parent, own, common, parameters) for name, own in functions.items()},
        routes=tuple(sorted(routes, key=_precedence)),
        gateway_responses=dict(_gateway_responses(resources)),
    )


def read_parameters(path: Path) -> tuple[ParameterTemplate, ...]:
    """What a deployment may set, in the template's order. Raises OSError where there is no such file."""
    document: Mapping[str, Any] = _Loader(path.read_text(encoding="utf-8")).get_single_data()
    return tuple(
        ParameterTemplate(name=name, default=str(given.get("Default", "")), description=given.get("Description", ""))
        for name, given in document["Parameters"].items()
    )


def _function(
    name: str, root: Path, properties: Mapping[str, Any], common: Mapping[str, Any], parameters: Mapping[str, object]
) -> FunctionTemplate:
    given = {**_variables(common), **_variables(properties)}
    known = {variable: _literal(value, parameters) for variable, value in given.items()}
    return FunctionTemplate(
        name=name,
        folder=(root / properties["CodeUri"]).resolve(),
        handler=properties["Handler"],
        timeout_s=int(properties.get("Timeout", 3)),
        variables={variable: value for variable, value in known.items() if value},
    )


def _variables(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    variables: Mapping[str, Any] = properties.get("Environment", {}).get("Variables", {})
    return variables


def _literal(value: object, parameters: Mapping[str, object]) -> str | None:
    match value:
        case str() | int() | float():
            return str(value)
        case {"Ref": str(name)} if name in parameters:
            return str(parameters[name])
        case _:
            return None


def _routes(function: str, properties: Mapping[str, Any]) -> Iterator[RouteTemplate]:
    for event in properties.get("Events", {}).values():
        if event["Type"] != "Api":
            continue  # Schedules and streams have no route.
        given: Mapping[str, Any] = event["Properties"]
        yield RouteTemplate(
            method=given["Method"].upper(),
            resource=given["Path"],
            pattern=re.compile(_pattern(given["Path"])),
            function=function,
            streams=_streams(function, given.get("ResponseTransferMode", "BUFFERED")),
            timeout_s=given.get("TimeoutInMillis", 29_000) / 1000,
        )


def _streams(function: str, mode: str) -> bool:
    if mode not in {"RESPONSE_STREAM", "BUFFERED"}:
        raise TemplateError(f"{function}: ResponseTransferMode is {mode}; SAM knows RESPONSE_STREAM and BUFFERED")
    return mode == "RESPONSE_STREAM"


def _pattern(resource: str) -> str:
    parts = [_part(part) for part in resource.strip("/").split("/")]
    return "/" + "/".join(parts) + "/?"


def _part(part: str) -> str:
    match re.fullmatch(r"\{(\w+)(\+?)\}", part):
        case None:
            return re.escape(part)
        case placeholder:
            return f"(?P<{placeholder[1]}>{'.+' if placeholder[2] else '[^/]+'})"


def _precedence(route: RouteTemplate) -> tuple[int, ...]:
    return tuple((part.startswith("{")) + part.endswith("+}") for part in route.resource.split("/"))


def _gateway_responses(resources: Mapping[str, Any]) -> Iterator[tuple[str, GatewayResponse]]:
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::Api":
            for kind, given in resource["Properties"].get("GatewayResponses", {}).items():
                template = given["ResponseTemplates"]["application/json"]
                yield kind, GatewayResponse(status=int(given.get("StatusCode", 0)), template=template)
