"""Validates objects against the schema of Kubernetes, strictly: a field that there is not is a fault.

Reads one JSON object a line: object, versions.
"""

import json
import sys

import kubernetes_validate


def faults(line):
    title = f"{line['object']['kind']}/{line['object']['metadata']['name']}"
    for version in line["versions"]:
        try:
            kubernetes_validate.validate(line["object"], version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{title}: {version}: {error.message[:300]} at {list(error.path)}"


def main():
    count, wrong = 0, []
    for text in sys.stdin:
        count += 1
        wrong += list(faults(json.loads(text)))
    print("\n".join(wrong) if wrong else f"{count} objects")
    return 1 if wrong or not count else 0


sys.exit(main())
