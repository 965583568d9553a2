#!/usr/bin/env python3
"""The crates that are linked into the program, as a CycloneDX 1.5 document.

    cargo metadata --locked --format-version 1 --filter-platform TARGET > metadata.json
    deploy/sbom.py metadata.json Cargo.lock countersign.cdx.json

The same input and SOURCE_DATE_EPOCH give the same bytes. What only builds or tests the program is not in it.
"""

import datetime
import json
import os
import sys
import tomllib
import uuid


def linked(metadata):
    """The ids of the packages that normal dependencies lead to, from the root on, with what each depends on."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, waiting = {}, [metadata["resolve"]["root"]]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        needs = [
            dependency["pkg"]
            for dependency in nodes[package]["deps"]
            if any(kind["kind"] is None for kind in dependency["dep_kinds"])
        ]
        found[package] = sorted(needs)
        waiting.extend(needs)
    return found


def document(metadata, lock, epoch):
    """The whole document."""
    packages = {package["id"]: package for package in metadata["packages"]}
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    found = linked(metadata)

    def reference(package):
        return f"pkg:cargo/{packages[package]['name']}@{packages[package]['version']}"

    def component(package, kind):
        of = packages[package]
        said = {
            "type": kind,
            "bom-ref": reference(package),
            "name": of["name"],
            "version": of["version"],
            "purl": reference(package),
        }
        if of["license"]:
            said["licenses"] = [{"expression": of["license"].replace("/", " OR ")}]
        checksum = checksums.get((of["name"], of["version"]))
        if checksum:
            said["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        return said

    root = metadata["resolve"]["root"]
    components = [component(package, "library") for package in sorted(found, key=reference) if package != root]
    dependencies = [
        {"ref": reference(package), "dependsOn": sorted({reference(need) for need in found[package]})}
        for package in sorted(found, key=reference)
    ]
    said = json.dumps([components, dependencies], sort_keys=True)
    when = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, said)}",
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": component(root, "application"),
        },
        "components": components,
        "dependencies": dependencies,
    }


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        metadata = json.load(file)
    with open(sys.argv[2], "rb") as file:
        lock = tomllib.load(file)
    made = document(metadata, lock, int(os.environ.get("SOURCE_DATE_EPOCH", "0")))
    with open(sys.argv[3], "w", encoding="utf-8") as file:
        json.dump(made, file, indent=1, ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
