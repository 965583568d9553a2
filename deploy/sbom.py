#!/usr/bin/env python3
"""The crates that are linked into the program, as a CycloneDX 1.5 document.

    cargo metadata --locked --format-version 1 --filter-platform TARGET > metadata.json
    cargo tree --locked --edges normal --prefix none --target TARGET --format '{p}' > linked
    deploy/sbom.py metadata.json linked Cargo.lock countersign.cdx.json

The same input and SOURCE_DATE_EPOCH give the same bytes. What only builds or tests the program is not in it.
"""

import datetime
import json
import os
import sys
import tomllib
import uuid


def dependencies_of(metadata, linked):
    """The ids of the packages that are linked, with what each depends on.

    The metadata knows the edges, but resolves features for tests as well; the tree knows what is linked.
    """
    packages = {package["id"]: (package["name"], package["version"]) for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    return {
        package: sorted(
            dependency["pkg"]
            for dependency in nodes[package]["deps"]
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]) and packages[dependency["pkg"]] in linked
        )
        for package in nodes
        if packages[package] in linked
    }


def document(metadata, linked, lock, epoch):
    """The whole document."""
    packages = {package["id"]: package for package in metadata["packages"]}
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    found = dependencies_of(metadata, linked)

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
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        metadata = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        words = [line.split() for line in file if line.strip()]
    linked = {(line[0], line[1].removeprefix("v")) for line in words}
    with open(sys.argv[3], "rb") as file:
        lock = tomllib.load(file)
    made = document(metadata, linked, lock, int(os.environ.get("SOURCE_DATE_EPOCH", "0")))
    with open(sys.argv[4], "w", encoding="utf-8") as file:
        json.dump(made, file, indent=1, ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
