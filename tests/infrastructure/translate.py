"""Print template.yaml as CloudFormation gets it, as JSON. Run by the interpreter that has the SAM translator.

`translate.py template.yaml '{"Canary": "true"}'`: the parameters decide what SAM makes; conditions stay as they are.
"""

import json
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


class NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def main() -> None:
    template = yaml_parse(Path(sys.argv[1]).read_text(encoding="utf-8"))
    parameters = json.loads(sys.argv[2])
    for name, resource in template["Resources"].items():
        for place in ("CodeUri", "ContentUri"):
            if place in resource.get("Properties", {}):
                resource["Properties"][place] = parameters.pop(f"built:{name}", "s3://bucket/key")
    json.dump(transform(template, parameters, NoManagedPolicies()), sys.stdout)


if __name__ == "__main__":
    main()
