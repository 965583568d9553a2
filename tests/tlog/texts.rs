//! Notes, checkpoints, cosignatures and proof files: each in its one form, and what is signed by whom.

use crate::kit::{Key, NOW};
use countersign::moment::Moment;
use countersign::tlog::{
    Checkpoint, CheckpointError, EMPTY_ROOT, KeyName, LogPolicy, LogProof, LogProofError, LogProofRefusal,
    MAX_NOTE, MAX_SIGNATURES, MerkleError, Note, NoteError, NoteSignature, PolicyRefusal, SignedCheckpoint,
    VerifierKey, VerifierKeyError, inclusion, leaf_hash,
};
use countersign::token::KeyError;

#[test]
fn a_verifier_key_has_one_form() {
    let line = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    assert_eq!(VerifierKey::parse(line).unwrap().to_string(), line);
    // The same key under a witness's kind has another id.
    let as_witness = Key::witness("w").verifier;
    assert_eq!(VerifierKey::parse(&as_witness.to_string()), Ok(as_witness.clone()));
    assert_ne!(as_witness.id(), Key::log("w").verifier.id());
    let other_id = line.replace("530d903a", "530d903b");
    for (line, error) in [
        ("", VerifierKeyError::Form),
        ("example.com/foo", VerifierKeyError::Form),
        ("example.com/foo+530d903a", VerifierKeyError::Form),
        ("example.com/foo+530d903a+", VerifierKeyError::Form),
        ("example.com/foo+530d903a+AQ==", VerifierKeyError::Form),
        ("example.com/foo+530d903a+!", VerifierKeyError::Form),
        (&format!("{line}\n"), VerifierKeyError::Kind),
        (&other_id, VerifierKeyError::Id),
        (&line.replace("530d903a", "530D903A"), VerifierKeyError::Id),
        (&line.replace("530d903a", "0530d903a"), VerifierKeyError::Id),
        (&line.replace("example.com/foo", "example.com/fop"), VerifierKeyError::Id),
        (&line.replace("AekyeRrm", "BukyeRrm"), VerifierKeyError::Kind),
        (
            "a+00000000+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            VerifierKeyError::Key(KeyError::SmallOrder),
        ),
    ] {
        assert_eq!(VerifierKey::parse(line), Err(error), "{line}");
    }
    for name in ["", "a b", "a\u{a0}b", "a\u{2003}b", "a+b", "a\nb", "a\u{7f}", &"x".repeat(257)] {
        assert!(KeyName::new(name).is_err(), "{name:?}");
    }
    assert!(KeyName::new("beispiel.example/prüfer").is_ok());
}

#[test]
fn a_note_has_one_form() {
    let key = Key::log("log.example");
    let mut note = Note::new("one\n\ntwo\n").unwrap();
    note.sign(key.sign("one\n\ntwo\n")).unwrap();
    let good = note.to_string();
    assert_eq!(Note::parse(good.as_bytes()), Ok(note.clone()));
    let line = note.signatures()[0].to_string();
    let id_only = {
        let encoded = line.rsplit(' ').next().unwrap();
        line.replace(encoded, &format!("{}==", &encoded[..6]))
    };
    let with_line = |other: &str| good.replace(&line, other);
    for (what, text, error) in [
        ("nothing", String::new(), NoteError::Form),
        ("no signature", "one\n".into(), NoteError::Form),
        ("no line of signature", "one\n\n".into(), NoteError::Form),
        ("no newline at the end", good.trim_end().into(), NoteError::Form),
        ("two newlines at the end", format!("{good}\n"), NoteError::Form),
        ("a carriage return", good.replace('\n', "\r\n"), NoteError::Characters),
        ("a tab", good.replace("one", "o\tne"), NoteError::Characters),
        ("a zero byte", good.replace("one", "o\0ne"), NoteError::Characters),
        ("no dash", with_line(line.trim_start_matches("\u{2014} ")), NoteError::SignatureLine),
        ("a hyphen", with_line(&line.replace('\u{2014}', "-")), NoteError::SignatureLine),
        ("two spaces", with_line(&line.replace(' ', "  ")), NoteError::SignatureLine),
        ("a space behind", with_line(&format!("{line} ")), NoteError::SignatureLine),
        ("a third word", with_line(&format!("{line} x")), NoteError::SignatureLine),
        ("a plus in the name", with_line(&line.replace("log.example", "log+x")), NoteError::SignatureLine),
        ("no name", with_line(&line.replace("log.example", "")), NoteError::SignatureLine),
        ("no padding", with_line(line.trim_end_matches('=')), NoteError::SignatureLine),
        ("an id and nothing else", with_line(&id_only), NoteError::SignatureLine),
        ("a line between", with_line(&format!("{line}\n\n{line}x")), NoteError::SignatureLine),
        (
            "too many signatures",
            format!("x\n\n{}", format!("{line}\n").repeat(MAX_SIGNATURES + 1)),
            NoteError::TooManySignatures,
        ),
        ("too long", format!("{}\n\n{line}\n", "x".repeat(MAX_NOTE)), NoteError::TooLong),
    ] {
        assert_eq!(Note::parse(text.as_bytes()), Err(error), "{what}");
    }
    assert_eq!(Note::parse(b"\xff\n\n"), Err(NoteError::Characters));
    assert_eq!(Note::new("no newline"), Err(NoteError::Form));
    let many = format!("x\n\n{}", format!("{line}\n").repeat(MAX_SIGNATURES));
    assert!(Note::parse(many.as_bytes()).is_ok());
}

#[test]
fn only_the_signatures_of_known_keys_count_and_a_bad_one_of_those_refuses() {
    let text = "text\n";
    let (log, stranger) = (Key::log("log.example"), Key::log("stranger.example"));
    let note = |lines: &[NoteSignature]| {
        let mut note = Note::new(text).unwrap();
        lines.iter().for_each(|line| note.sign(line.clone()).unwrap());
        note
    };
    let bad = Err(NoteError::Signature(log.verifier.name().clone()));
    let check = |note: &Note| note.check([&log.verifier]).map(|signed| signed.len());
    assert_eq!(check(&note(&[log.sign(text)])), Ok(1));
    assert_eq!(check(&note(&[stranger.sign("another text\n"), log.sign(text)])), Ok(1));
    assert_eq!(check(&note(&[stranger.sign(text)])), Err(NoteError::Unsigned));
    assert_eq!(check(&note(&[log.sign("another text\n")])), bad);
    // The same name with another key has another id: a stranger.
    let namesake = Key::witness("log.example");
    assert_eq!(check(&note(&[namesake.cosign(text, NOW), log.sign(text)])), Ok(1));
    // Two lines under one key, one of them bad, as only somebody else would write them.
    let twice = format!("{text}\n{}\n{}\n", log.sign(text), log.sign("another text\n"));
    assert_eq!(check(&Note::parse(twice.as_bytes()).unwrap()), bad);
    // A second line of one key replaces the first.
    assert_eq!(note(&[log.sign("another text\n"), log.sign(text)]).signatures().len(), 1);
}

#[test]
fn a_cosignature_binds_the_checkpoint_and_the_time() {
    let (log, witness) = (Key::log("log.example"), Key::witness("witness.example"));
    let text = log.checkpoint(&[b"entry"]).checkpoint().to_string();
    let line = witness.cosign(&text, NOW);
    let check = |text: &str, line: &NoteSignature| {
        let note = Note::parse(format!("{text}\n{line}\n").as_bytes()).unwrap();
        note.check([&witness.verifier]).map(|signed| signed[0].at.unwrap().moment())
    };
    let at = |seconds| Ok(Moment::from_unix_seconds(seconds));
    let bad = || Err(NoteError::Signature(witness.verifier.name().clone()));
    assert_eq!(check(&text, &line), at(NOW));
    assert_eq!(line.bytes()[..8], NOW.to_be_bytes());
    assert_eq!(check(&text.replace("\n1\n", "\n2\n"), &line), bad());
    // Another time, no time, a time beyond all times, a plain signature, and too short a one.
    let with = |seconds: u64| {
        let mut decoded = line.id().as_bytes().to_vec();
        decoded.extend(seconds.to_be_bytes());
        decoded.extend(&line.bytes()[8..]);
        NoteSignature::parse(&format!("\u{2014} witness.example {}", base64(&decoded))).unwrap()
    };
    assert_eq!(with(NOW), line);
    for seconds in [NOW - 1, 0, u64::MAX] {
        assert_eq!(check(&text, &with(seconds)), bad());
    }
    let plain = NoteSignature::new(&witness.verifier, &[7; 64]);
    assert_eq!(check(&text, &plain), bad());
    // The log's own signature is no cosignature, even by one key.
    let as_log = Key::log("witness.example");
    let disguised = NoteSignature::new(&witness.verifier, as_log.sign(&text).bytes().try_into().unwrap());
    assert_eq!(check(&text, &disguised), bad());
    // Of two good ones the later counts.
    let twice = format!("{text}\n{}\n{}\n", witness.cosign(&text, NOW + 5), line);
    let signed = Note::parse(twice.as_bytes()).unwrap();
    let signed = signed.check([&witness.verifier]).unwrap();
    assert_eq!(signed.len(), 1);
    assert_eq!(signed[0].at.unwrap().moment(), Moment::from_unix_seconds(NOW + 5));
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[test]
fn a_checkpoint_has_one_form() {
    let root = leaf_hash(b"entry");
    let origin = KeyName::new("log.example").unwrap();
    let checkpoint = Checkpoint { origin, size: 1, root };
    let text = checkpoint.to_string();
    assert_eq!(text, format!("log.example\n1\n{root}\n"));
    assert_eq!(Checkpoint::parse(&text), Ok(checkpoint.clone()));
    assert_eq!(Checkpoint::parse(&format!("{text}an extension of theirs\n")), Ok(checkpoint));
    assert!(Checkpoint::parse(&format!("log.example\n0\n{EMPTY_ROOT}\n")).is_ok());
    let too_large = (1_u64 << 62) + 1;
    for (text, error) in [
        (String::new(), CheckpointError::Form),
        (text.trim_end().to_owned(), CheckpointError::Form),
        ("log.example\n1\n".into(), CheckpointError::Form),
        (format!("\n{text}"), CheckpointError::Form),
        (format!("{text}\n"), CheckpointError::Form),
        (format!("{text}\nx\n"), CheckpointError::Form),
        (text.replace("log.", "log "), CheckpointError::Origin),
        (text.replace("log.", "log+"), CheckpointError::Origin),
        (text.replace("\n1\n", "\n01\n"), CheckpointError::Size),
        (text.replace("\n1\n", "\n+1\n"), CheckpointError::Size),
        (text.replace("\n1\n", "\n-1\n"), CheckpointError::Size),
        (text.replace("\n1\n", "\n 1\n"), CheckpointError::Size),
        (text.replace("\n1\n", "\n1e3\n"), CheckpointError::Size),
        (text.replace("\n1\n", &format!("\n{too_large}\n")), CheckpointError::Size),
        (text.replace("=\n", "\n"), CheckpointError::Root),
        (text.replace("\n1\n", "\n0\n"), CheckpointError::EmptyRoot),
    ] {
        assert_eq!(Checkpoint::parse(&text), Err(error), "{text:?}");
    }
}

#[test]
fn a_checkpoint_is_its_own_logs() {
    let (log, other) = (Key::log("log.example"), Key::log("other.example"));
    let signed = log.checkpoint(&[b"entry"]);
    assert_eq!(signed.check([&log.verifier]).unwrap().len(), 1);
    assert_eq!(SignedCheckpoint::parse(signed.to_string().as_bytes()), Ok(signed.clone()));
    let text = signed.checkpoint().to_string();
    assert_eq!(
        SignedCheckpoint::new(signed.checkpoint().clone(), other.sign(&text)),
        Err(CheckpointError::OtherLog)
    );
    // Another log's good signature beneath a checkpoint does not make it that log's.
    let foreign = SignedCheckpoint::parse(format!("{text}\n{}\n", other.sign(&text)).as_bytes()).unwrap();
    assert_eq!(foreign.check([&log.verifier, &other.verifier]), Err(CheckpointError::OtherLog));
    assert_eq!(foreign.check([&log.verifier]), Err(CheckpointError::Note(NoteError::Unsigned)));
}

#[test]
fn a_proof_file_has_one_form_and_shows_its_entry_only() {
    let log = Key::log("log.example");
    let entries: Vec<&[u8]> = vec![b"a", b"b", b"c", b"d", b"e"];
    let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let proof = LogProof {
        extra: None,
        index: 1,
        hashes: inclusion(1, 5, &leaves[..]).unwrap(),
        checkpoint: log.checkpoint(&entries),
    };
    let text = proof.to_string();
    let with_extra = LogProof { extra: Some(b"b".to_vec()), ..proof.clone() };
    assert_eq!(
        with_extra.to_string(),
        text.replace("@v1\n", "@v1\nextra Yg==\n"),
        "the extra data stand before the index"
    );
    for proof in [&proof, &with_extra] {
        assert_eq!(LogProof::parse(proof.to_string().as_bytes()).as_ref(), Ok(proof));
    }
    let policy = LogPolicy::parse(&format!("log {}\nquorum none\n", log.verifier)).unwrap();
    assert_eq!(*proof.verify(b"b", &policy).unwrap().log, log.verifier);
    assert_eq!(proof.verify(b"a", &policy), Err(LogProofRefusal::Inclusion(MerkleError::Root)));
    let elsewhere = LogProof { index: 2, ..proof.clone() };
    assert_eq!(elsewhere.verify(b"b", &policy), Err(LogProofRefusal::Inclusion(MerkleError::Root)));
    let beyond = LogProof { index: 5, ..proof.clone() };
    assert_eq!(beyond.verify(b"b", &policy), Err(LogProofRefusal::Inclusion(MerkleError::Index)));
    let other = LogPolicy::parse(&format!("log {}\nquorum none\n", Key::log("other").verifier)).unwrap();
    assert_eq!(
        proof.verify(b"b", &other),
        Err(LogProofRefusal::Policy(PolicyRefusal::Checkpoint(CheckpointError::Note(NoteError::Unsigned))))
    );

    let one_hash = format!("{}\n", proof.hashes[0]);
    for (what, text, error) in [
        ("nothing", String::new(), LogProofError::Header),
        ("another version", text.replace("@v1", "@v2"), LogProofError::Header),
        ("no newline", "c2sp.org/tlog-proof@v1".into(), LogProofError::Header),
        ("a carriage return", text.replace("@v1\n", "@v1\r\n"), LogProofError::Header),
        ("the header alone", "c2sp.org/tlog-proof@v1\n".into(), LogProofError::Index),
        ("no index", text.replace("index 1\n", ""), LogProofError::Index),
        ("a padded index", text.replace("index 1", "index 01"), LogProofError::Index),
        ("two spaces", text.replace("index 1", "index  1"), LogProofError::Index),
        ("empty extra data", text.replace("@v1\n", "@v1\nextra \n"), LogProofError::Extra),
        ("extra data not in base64", text.replace("@v1\n", "@v1\nextra Yg\n"), LogProofError::Extra),
        (
            "two lines of extra data",
            text.replace("@v1\n", "@v1\nextra Yg==\nextra Yg==\n"),
            LogProofError::Index,
        ),
        ("a short hash", text.replacen("=\n", "\n", 1), LogProofError::Hashes),
        ("too many hashes", text.replacen(&one_hash, &one_hash.repeat(64), 1), LogProofError::Hashes),
        ("no empty line", text.replacen("\n\n", "\n", 1), LogProofError::Hashes),
        (
            "no checkpoint",
            text.split_inclusive("\n\n").next().unwrap().to_owned(),
            LogProofError::Checkpoint(CheckpointError::Note(NoteError::Form)),
        ),
    ] {
        assert_eq!(LogProof::parse(text.as_bytes()), Err(error), "{what}");
    }
    assert_eq!(LogProof::parse(&vec![b'x'; 1 << 20]), Err(LogProofError::TooLong));
    assert_eq!(LogProof::parse(b"\xff"), Err(LogProofError::Characters));
}
