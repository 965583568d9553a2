#!/usr/bin/env python3
"""Makes the templates of the Helm chart from what `countersign install --print` prints, so that there is one source.

    deploy/helm/generate.py target/debug/countersign [FOLDER]

Needs PyYAML. Without a folder it writes into the chart beside it.
"""

import itertools
import json
import pathlib
import shutil
import subprocess
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
MODES = ["fleet", "standalone"]
PARTS = {"cert-manager": "certManager", "monitoring": "monitoring", "network-policies": "networkPolicies"}
# One's own names, told apart from everything else: the program knows where they belong.
WISHES = {
    "--namespace": ("chart-namespace", "{{ .Release.Namespace }}"),
    "--image": ("chart.invalid/image:tag", '{{ include "countersign.image" . }}'),
    "--trust-domain": ("https://chart-trust-domain.invalid", "{{ .Values.trustDomain }}"),
    "--console-url": ("https://chart-console.invalid", "{{ .Values.consoleUrl }}"),
}
PATTERN = ("^chart\\.invalid/image([:@][^/]+)?$", "^{{ regexQuoteMeta .Values.image.repository }}([:@][^/]+)?$")
# Texts of many lines, which are links in files/, each with the value that is put in its place where there is one.
TEXTS = {
    ("countersign-desk", "countersign.yaml"): ("{mode}.yaml", ".Values.desk.configuration"),
    ("countersign-policy", "policy.yaml"): ("policy.yaml", ".Values.policy"),
    ("countersign-policy", "roster.yaml"): ("roster.yaml", ".Values.roster"),
    ("countersign-dashboard", "countersign.json"): ("dashboard.json", None),
}


def printed(program, mode, parts):
    """The objects of one choice, but for the namespace, which is Helm's to make."""
    wishes = itertools.chain.from_iterable((flag, value) for flag, (value, _) in WISHES.items())
    chosen = ["--with", ",".join(parts)] if parts else []
    command = [program, "install", "--print", "--json", f"--{mode}", *chosen, *wishes]
    items = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["items"]
    return {(one["kind"], one["metadata"]["name"]): one for one in items if one["kind"] != "Namespace"}


def templated(one, mode):
    """One object as a template."""
    name = one["metadata"]["name"]
    holes = []

    def hole(text):
        holes.append(text)
        return f"@@{len(holes) - 1}@@"

    if one["kind"] == "ConfigMap":
        for key in one["data"]:
            if (name, key) in TEXTS:
                file, value = TEXTS[name, key]
                file = file.format(mode=mode)
                default = f'(.Files.Get "files/{file}")'
                source = f"(default {default} {value})" if value else default
                one["data"][key] = hole(f"{{{{- {source} | toYaml | nindent 4 }}}}")
    if one["kind"] == "Deployment":
        part = name.removeprefix("countersign-")
        if one["spec"]["replicas"] != 1:
            one["spec"]["replicas"] = hole(f"{{{{ .Values.{part}.replicas }}}}")
        container = one["spec"]["template"]["spec"]["containers"][0]
        container["resources"] = hole(f"{{{{- toYaml .Values.{part}.resources | nindent 10 }}}}")
    text = yaml.safe_dump(one, sort_keys=True, width=10**6, allow_unicode=True)
    text = text.replace("{{", '{{ "{{" }}')
    for at, template in enumerate(holes):
        for quoted in (f"'@@{at}@@'", f"@@{at}@@"):
            # What goes on a line of its own takes the space before it away.
            text = text.replace(f" {quoted}", f" {template}" if template.startswith("{{ ") else template)
    text = text.replace(PATTERN[0], PATTERN[1])
    for value, template in WISHES.values():
        text = text.replace(value, template)
    return text


def template(key, choices):
    """The template of one object in all choices; `choices` by mode and parts."""
    kind, name = key
    there = {choice: objects[key] for choice, objects in choices.items() if key in objects}
    needed = [part for part in PARTS if all(part in parts for _, parts in there)]
    modes = [mode for mode in MODES if any(of == mode for of, _ in there)]
    blocks = []
    by_mode = {}
    for mode in modes:
        plain = next((one for (of, parts), one in there.items() if of == mode and "cert-manager" not in parts), None)
        certified = next((one for (of, parts), one in there.items() if of == mode and "cert-manager" in parts), None)
        by_mode[mode] = (plain, certified)
    alike = len(modes) == 2 and by_mode[modes[0]] == by_mode[modes[1]]
    for mode in modes[:1] if alike else modes:
        plain, certified = by_mode[mode]
        varies = plain is not None and certified is not None and plain != certified
        variants = [(False, plain), (True, certified)] if varies else [(None, plain or certified)]
        for certificates, one in variants:
            tests = [] if alike else [f'eq .Values.mode "{mode}"']
            tests += [f".Values.{PARTS[part]}.enabled" for part in needed]
            if varies:
                tests.append(".Values.certManager.enabled" if certificates else "not .Values.certManager.enabled")
            body = templated(json.loads(json.dumps(one)), mode)
            match tests:
                case []:
                    blocks.append(body)
                case [test]:
                    blocks.append(f"{{{{- if {test} }}}}\n{body}{{{{- end }}}}\n")
                case _:
                    every = " ".join(f"({test})" for test in tests)
                    blocks.append(f"{{{{- if and {every} }}}}\n{body}{{{{- end }}}}\n")
    return "".join(blocks)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    program = sys.argv[1]
    chart = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else HERE / "countersign"
    subsets = [s for size in range(len(PARTS) + 1) for s in itertools.combinations(PARTS, size)]
    choices = {(mode, parts): printed(program, mode, parts) for mode in MODES for parts in subsets}
    keys = sorted(set().union(*choices.values()))
    shutil.rmtree(chart / "templates/generated", ignore_errors=True)
    (chart / "templates/generated").mkdir(parents=True)
    for kind, name in keys:
        text = template((kind, name), choices)
        note = "# Made by deploy/helm/generate.py: change deploy/kubernetes and run it again.\n"
        path = chart / "templates/generated" / f"{name}.{kind.lower()}.yaml"
        path.write_text(note + text, encoding="utf-8")


if __name__ == "__main__":
    main()
