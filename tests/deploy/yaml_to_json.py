"""Turns YAML 1.1 on the standard input, merge keys and all, into JSON."""

import json
import sys

import yaml

json.dump(yaml.safe_load(sys.stdin), sys.stdout)
