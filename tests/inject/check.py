"""Applies patches with a JSON Patch library, and validates the pods that come of them against the Kubernetes schema.

Reads one JSON object a line: name, pod, patch, injected (what we made of it), versions (of Kubernetes).
"""

import copy
import json
import sys

import jsonpatch
import kubernetes_validate


def without_nulls(value):
    """The API server drops what is null; the schema does not take it."""
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [without_nulls(one) for one in value]
    return value


def faults(line):
    theirs = jsonpatch.JsonPatch(line["patch"]).apply(copy.deepcopy(line["pod"]))
    if theirs != line["injected"]:
        yield "the library makes another pod of it"
    for version in line["versions"]:
        try:
            kubernetes_validate.validate(without_nulls(line["injected"]), version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{version}: {error.message[:300]} at {list(error.path)}"


def main():
    count, wrong = 0, []
    for text in sys.stdin:
        line = json.loads(text)
        count += 1
        wrong += [f"{line['name']}: {fault}" for fault in faults(line)]
    print("\n".join(wrong) if wrong else f"{count} pods")
    return 1 if wrong or not count else 0


sys.exit(main())
