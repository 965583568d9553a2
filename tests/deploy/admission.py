"""Evaluates validating admission policies with a CEL implementation of other people's.

Reads one JSON object a line: policy, and what its expressions see (object, oldObject, request, namespaceObject, params).
Writes a line for each: whether the match conditions hold, and which validations fail, by their places.
"""

import json
import sys

import celpy

ENVIRONMENT = celpy.Environment()
COMPILED = {}


def evaluated(expression, seen):
    if expression not in COMPILED:
        COMPILED[expression] = ENVIRONMENT.program(ENVIRONMENT.compile(expression))
    return COMPILED[expression].evaluate(seen)


def judged(line):
    spec = line["policy"]["spec"]
    seen = {name: celpy.json_to_cel(line[name]) for name in line if name != "policy"}
    if not all(evaluated(one["expression"], seen) for one in spec.get("matchConditions", [])):
        return {"matches": False, "failed": []}
    variables = celpy.celtypes.MapType()
    for one in spec.get("variables", []):
        seen["variables"] = variables
        variables[celpy.celtypes.StringType(one["name"])] = evaluated(one["expression"], seen)
    seen["variables"] = variables
    failed = [at for at, one in enumerate(spec["validations"]) if not evaluated(one["expression"], seen)]
    return {"matches": True, "failed": failed}


for text in sys.stdin:
    print(json.dumps(judged(json.loads(text))))
