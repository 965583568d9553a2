"""Reads an exported log and proofs with other people's code: trees by pymerkle, signatures by cryptography.

Nothing of Countersign is used; what is read here is C2SP tlog-tiles, signed-note and tlog-proof.
"""

import base64
import hashlib
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion


def entries(log: Path, size: int):
    """Every entry, from the bundles."""
    found = []
    place = 0
    while len(found) < size:
        width = min(256, size - len(found))
        name = f"{place:03}" if width == 256 else f"{place:03}.p/{width}"
        data = (log / "tile" / "entries" / name).read_bytes()
        for _ in range(width):
            length = int.from_bytes(data[:2], "big")
            found.append(data[2 : 2 + length])
            data = data[2 + length :]
        assert not data, f"bytes behind bundle {place}"
        place += 1
    return found


def checkpoint(note: str, vkey: str):
    """The size and the root that a note says, once its signature is good."""
    text, beneath = note.rsplit("\n\n", 1)
    text += "\n"
    name, key_id, key = vkey.split("+", 2)
    material = base64.b64decode(key)
    assert material[0] == 1, "an Ed25519 key"
    assert hashlib.sha256(name.encode() + b"\n" + material).hexdigest()[:8] == key_id
    lines = [line.split(" ") for line in beneath.splitlines()]
    signatures = [base64.b64decode(line[2]) for line in lines if line[1] == name]
    mine = [one[4:] for one in signatures if one[:4].hex() == key_id]
    assert mine, "not signed by this log"
    Ed25519PublicKey.from_public_bytes(material[1:]).verify(mine[0], text.encode())
    origin, size, root = text.splitlines()[:3]
    assert origin == name
    return int(size), base64.b64decode(root)


def check_log(log: Path, vkey: str):
    size, root = checkpoint((log / "checkpoint").read_text(), vkey)
    tree = InmemoryTree(algorithm="sha256")
    for entry in entries(log, size):
        tree.append_entry(entry)
    assert tree.get_state(size) == root, "another root"
    leaf_hashes = b"".join(tree.get_leaf(place) for place in range(1, size + 1))
    kept = b"".join(
        (log / "tile" / "0" / (f"{place:03}" if place < size // 256 else f"{place:03}.p/{size % 256}")).read_bytes()
        for place in range(-(-size // 256))
    )
    assert kept == leaf_hashes, "other tiles"
    earlier = sorted(int(one.name) for one in (log / "checkpoints").iterdir())
    for one in earlier:
        earlier_size, earlier_root = checkpoint((log / "checkpoints" / str(one)).read_text(), vkey)
        assert earlier_size == one
        proof = tree.prove_consistency(one, size)
        verify_consistency(earlier_root, root, proof)
    return tree, size, len(earlier)


def check_proof(path: Path, vkey: str, tree, size: int):
    head, note = path.read_text().split("\n\n", 1)
    lines = head.split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    extra = base64.b64decode(lines[1].removeprefix("extra "))
    index = int(lines[2].removeprefix("index "))
    hashes = [base64.b64decode(line) for line in lines[3:]]
    signed, root = checkpoint(note, vkey)
    assert signed == size
    proof = tree.prove_inclusion(index + 1, size)
    assert proof.path[1:] == hashes, "another path"
    leaf = hashlib.sha256(b"\0" + extra).digest()
    assert proof.path[0] == leaf, "another entry"
    verify_inclusion(leaf, root, proof)
    return index


def main():
    log, key, proof = (Path(argument) for argument in sys.argv[1:4])
    vkey = key.read_text().strip()
    tree, size, earlier = check_log(log, vkey)
    index = check_proof(proof, vkey, tree, size)
    print(f"{size} entries, {earlier} checkpoints, entry {index}")


main()
