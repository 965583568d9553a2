//! Other people's vectors, from `COUNTERSIGN_VECTORS` or beside the project: Merkle proofs, roots, a signed note, and a
//! whole log that a tool of theirs wrote.

use countersign::tlog::{
    EMPTY_ROOT, Frontier, Hash, Note, SignedCheckpoint, Tile, TileKind, VerifierKey, consistency, leaf_hash,
    node_hash, read_bundle, read_tile, verify_consistency, verify_inclusion,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder of vectors; `None`, said aloud, where there is none. In CI that is a failure.
fn vectors() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors"));
    let folder = std::env::var_os("COUNTERSIGN_VECTORS").map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        assert!(std::env::var_os("CI").is_none(), "no vectors at {}", folder.display());
        println!("did not run: no vectors at {}", folder.display());
        return None;
    }
    Some(folder)
}

/// All files below a folder, by their path from there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Their numbers go up to 64 bits, which our own reader refuses.
fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_else(|| panic!("no text `{name}`"))
}

fn number(object: &Value, name: &str) -> u64 {
    object[name].as_u64().unwrap_or_else(|| panic!("no number `{name}`"))
}

fn texts<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    object[name].as_array().into_iter().flatten().map(|value| value.as_str().unwrap())
}

/// A hash. Some vectors have short texts in the place of roots, one of them of a proof that holds; such a text gets a
/// stand-in, equal only for equal texts. An empty one gets none: our types refuse it before any verifier sees it.
fn hash(text: &str) -> Option<Hash> {
    assert!(Hash::parse("").is_none());
    if text.is_empty() { None } else { Some(Hash::parse(text).unwrap_or_else(|| leaf_hash(text.as_bytes()))) }
}

fn proof(case: &Value) -> Option<Vec<Hash>> {
    texts(case, "proof").map(hash).collect()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn merkle_proofs_of_others_are_judged_as_they_say() {
    let Some(folder) = vectors() else { return };
    let inclusion = files(&folder.join("merkle/testdata/inclusion"));
    assert_eq!(inclusion.len(), 98);
    for (name, bytes) in &inclusion {
        let case = json(bytes);
        let (index, size) = (number(&case, "leafIdx"), number(&case, "treeSize"));
        let verdict = (|| {
            let (leaf, root) = (hash(text(&case, "leafHash"))?, hash(text(&case, "root"))?);
            verify_inclusion(&leaf, index, size, &proof(&case)?, &root).ok()
        })();
        assert_eq!(verdict.is_none(), case["wantErr"].as_bool().unwrap(), "{name}");
    }
    let consistency = files(&folder.join("merkle/testdata/consistency"));
    assert_eq!(consistency.len(), 98);
    for (name, bytes) in &consistency {
        let case = json(bytes);
        let (old_size, new_size) = (number(&case, "size1"), number(&case, "size2"));
        let verdict = (|| {
            let (old, new) = (hash(text(&case, "root1"))?, hash(text(&case, "root2"))?);
            verify_consistency(old_size, &old, new_size, &new, &proof(&case)?).ok()
        })();
        assert_eq!(verdict.is_none(), case["wantErr"].as_bool().unwrap(), "{name}");
    }
}

#[test]
fn the_roots_are_those_of_rfc_6962() {
    let Some(folder) = vectors() else { return };
    let case = json(&std::fs::read(folder.join("merkle/rfc6962-roots.json")).unwrap());
    let leaves: Vec<Hash> = texts(&case, "leaf_inputs_hex").map(|entry| leaf_hash(&hex(entry))).collect();
    let bytes = |hash: &Hash| hash.as_bytes().to_vec();
    assert_eq!(
        leaves.iter().map(bytes).collect::<Vec<_>>(),
        texts(&case, "leaf_hashes").map(hex).collect::<Vec<_>>()
    );
    let mut tree = Frontier::default();
    let mut roots = vec![tree.root()];
    for leaf in leaves {
        tree.push(leaf);
        roots.push(tree.root());
    }
    assert_eq!(roots.len(), 9);
    assert_eq!(
        roots.iter().map(bytes).collect::<Vec<_>>(),
        texts(&case, "roots_by_size").map(hex).collect::<Vec<_>>()
    );
}

#[test]
fn the_note_of_the_specification_is_good_and_any_other_is_not() {
    let Some(folder) = vectors() else { return };
    let vectors = json(&std::fs::read(folder.join("signed-note/vectors.json")).unwrap());
    let case = &vectors["cases"][0];
    let key = VerifierKey::parse(text(case, "vkey")).unwrap();
    assert_eq!(key.to_string(), text(case, "vkey"));
    let bytes = text(case, "note").as_bytes();
    let note = Note::parse(bytes).unwrap();
    assert_eq!(note.to_string().as_bytes(), bytes);
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.check([&key]).unwrap()[0].key, &key);
    for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1 << bit;
        let verdict = Note::parse(&changed).and_then(|note| note.check([&key]).map(drop));
        assert!(verdict.is_err(), "byte {at} bit {bit}");
    }
}

/// Checks what a log says of its first `size` entries: the signature, the hashes, the entries, the root.
fn check(files: &BTreeMap<String, Vec<u8>>, size: u64, key: &VerifierKey) -> Result<Vec<Hash>, String> {
    let file = |path: &str| files.get(path).ok_or_else(|| format!("no {path}"));
    let signed = SignedCheckpoint::parse(file(&format!("checkpoint.{size}"))?).map_err(|e| e.to_string())?;
    signed.check([key]).map_err(|e| e.to_string())?;
    let checkpoint = signed.checkpoint();
    if checkpoint.size != size {
        return Err("another size".into());
    }
    let (mut leaves, mut entries) = (Vec::new(), Vec::new());
    for tile in Tile::all(size) {
        let bytes = file(&tile.to_string())?;
        match tile.kind() {
            TileKind::Entries => {
                let bundle = read_bundle(bytes, tile.width()).map_err(|e| e.to_string())?;
                entries.extend(bundle.into_iter().map(leaf_hash));
            }
            TileKind::Hashes(level) => {
                assert_eq!(level, 0, "a log of fifteen entries");
                leaves.extend(read_tile(bytes, tile.width()).ok_or("another tile")?);
            }
        }
    }
    if leaves != entries {
        return Err("the entries are not those of the tile".into());
    }
    if Frontier::of(&leaves).root() != checkpoint.root {
        return Err("another root".into());
    }
    Ok(leaves)
}

#[test]
fn the_log_of_another_tool_is_good_and_not_with_any_one_byte_changed() {
    let Some(folder) = vectors() else { return };
    let keys = json(&std::fs::read(folder.join("signed-note/vectors.json")).unwrap());
    let key = VerifierKey::parse(text(&keys, "tessera_log_vkey")).unwrap();
    let files = files(&folder.join("tlog-tessera/testdata/log"));
    assert_eq!(files["checkpoint"], files["checkpoint.15"]);

    let leaves = check(&files, 15, &key).unwrap();
    let mut roots = Vec::new();
    for size in 0..=15_u64 {
        assert_eq!(check(&files, size, &key).unwrap(), leaves[..size as usize]);
        let signed = SignedCheckpoint::parse(&files[&format!("checkpoint.{size}")]).unwrap();
        assert_eq!(signed.to_string().as_bytes(), files[&format!("checkpoint.{size}")]);
        roots.push(signed.checkpoint().root);
    }
    assert_eq!(roots[0], EMPTY_ROOT);
    for (old, new) in (1..=15).flat_map(|new| (1..=new).map(move |old| (old, new))) {
        let proof = consistency(old, new, &leaves[..]).unwrap();
        let (old_root, new_root) = (roots[old as usize], roots[new as usize]);
        assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof), Ok(()));
        let forked = node_hash(&new_root, &old_root);
        assert!(verify_consistency(old, &old_root, new, &forked, &proof).is_err());
        assert!(verify_consistency(old, &forked, new, &new_root, &proof).is_err());
    }

    let mut flipped = 0;
    let mut changed = files.clone();
    for (path, bytes) in &files {
        let size = path.rsplit(['.', '/']).next().unwrap();
        // The one without a size is the last one again.
        let Ok(size) = size.parse::<u64>() else { continue };
        for at in 0..bytes.len() {
            for bits in [0x01, 0x20, 0x80] {
                changed.get_mut(path).unwrap()[at] ^= bits;
                assert!(check(&changed, size, &key).is_err(), "{path}, byte {at}");
                changed.get_mut(path).unwrap()[at] ^= bits;
                flipped += 1;
            }
        }
        for cut in [0, bytes.len() / 2, bytes.len() - 1] {
            changed.insert(path.clone(), bytes[..cut].to_vec());
            assert!(check(&changed, size, &key).is_err(), "{path}, cut at {cut}");
        }
        changed.insert(path.clone(), [bytes, &b"\n"[..]].concat());
        assert!(check(&changed, size, &key).is_err(), "{path}, longer");
        changed.insert(path.clone(), bytes.clone());
    }
    assert!(flipped > 20_000, "{flipped}");
}
