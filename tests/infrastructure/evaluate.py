"""What CloudFormation makes of a template for given parameters: conditions, and the functions that they decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOTHING = {"Ref": "AWS::NoValue"}


@dataclass(frozen=True)
class Evaluation:
    parameters: Mapping[str, Any]
    conditions: Mapping[str, Any]

    def holds(self, condition: Any) -> bool:
        match condition:
            case {"Fn::Equals": [one, other]}:
                return str(self.value(one)) == str(self.value(other))
            case {"Fn::Not": [inner]}:
                return not self.holds(inner)
            case {"Fn::And": inner}:
                return all(map(self.holds, inner))
            case {"Fn::Or": inner}:
                return any(map(self.holds, inner))
            case {"Condition": name} | str(name):
                return self.holds(self.conditions[name])
        raise ValueError(f"no condition: {condition}")

    def value(self, node: Any) -> Any:
        """Parameters by their values, `Fn::If` by its branch; what only a deployed stack knows stays as it is."""
        match node:
            case {"Ref": str(name)} if name in self.parameters:
                return self.parameters[name]
            case {"Fn::If": [name, then, otherwise]}:
                return self.value(then if self.holds(name) else otherwise)
            case {"Fn::Join": [separator, items]}:
                return self._joined(separator, self.value(items))
            case dict():
                return {name: self.value(each) for name, each in node.items() if self.value(each) != NOTHING}
            case list():
                return [self.value(each) for each in node if self.value(each) != NOTHING]
        return node

    def _joined(self, separator: str, items: Any) -> Any:
        known = [items] if isinstance(items, str) else items
        return (
            separator.join(known) if all(isinstance(each, str) for each in known) else {"Fn::Join": [separator, known]}
        )


def evaluate(template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The template without conditions. Raises KeyError for a parameter that it has not."""
    defaults = {name: one.get("Default") for name, one in template["Parameters"].items()}
    if unknown := given.keys() - defaults.keys():
        raise KeyError(f"the template has no parameter {sorted(unknown)}")
    evaluation = Evaluation({**defaults, **given}, template["Conditions"])
    sections = {
        section: {
            name: evaluation.value({key: part for key, part in one.items() if key != "Condition"})
            for name, one in template[section].items()
            if "Condition" not in one or evaluation.holds(one["Condition"])
        }
        for section in ("Resources", "Outputs")
    }
    return {"AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"], **sections}
