//! What a log asks of a witness: one form, and a yes only to what continues what the witness has seen.

use crate::kit::{Key, NOW};
use countersign::tlog::{
    AddCheckpoint, Checkpoint, CheckpointError, Hash, MerkleError, NoteError, SignedCheckpoint,
    WitnessRefusal, consistency, cosignature_in, leaf_hash,
};

fn entries(size: u64) -> Vec<Vec<u8>> {
    (0..size).map(|number| format!("entry {number}").into_bytes()).collect()
}

fn checkpoint(log: &Key, size: u64) -> SignedCheckpoint {
    let entries = entries(size);
    log.checkpoint(&entries.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn leaves(size: u64) -> Vec<Hash> {
    entries(size).iter().map(|entry| leaf_hash(entry)).collect()
}

fn request(log: &Key, old_size: u64, size: u64) -> AddCheckpoint {
    let proof = consistency(old_size.min(size), size, &leaves(size)[..]).unwrap();
    AddCheckpoint { old_size, proof, checkpoint: checkpoint(log, size) }
}

#[test]
fn a_request_has_one_form() {
    let log = Key::log("log.example");
    let request = request(&log, 5, 9);
    let text = request.to_string();
    assert!(text.starts_with("old 5\n") && !request.proof.is_empty());
    assert_eq!(AddCheckpoint::parse(text.as_bytes()), Ok(request.clone()));
    let hash = format!("{}\n", request.proof[0]);
    for (what, text, status) in [
        ("nothing", String::new(), 400),
        ("no old size", text.replace("old 5\n", ""), 400),
        ("another word", text.replace("old 5", "size 5"), 400),
        ("a padded size", text.replace("old 5", "old 05"), 400),
        ("a negative size", text.replace("old 5", "old -5"), 400),
        ("two spaces", text.replace("old 5", "old  5"), 400),
        ("a carriage return", text.replacen('\n', "\r\n", 1), 400),
        ("a short hash", text.replacen("=\n", "\n", 1), 400),
        ("no empty line", text.replacen("\n\n", "\n", 1), 400),
        ("too many hashes", text.replacen(&hash, &hash.repeat(64), 1), 400),
        ("no checkpoint", text.split_inclusive("\n\n").next().unwrap().to_owned(), 400),
        ("no signature", text.split_inclusive("\n\n").take(2).collect(), 400),
        ("a wrong root of an empty log", text.replace("\n9\n", "\n0\n"), 422),
    ] {
        assert_eq!(AddCheckpoint::parse(text.as_bytes()).unwrap_err().status(), status, "{what}");
    }
    assert_eq!(AddCheckpoint::parse(&vec![b'x'; 1 << 20]), Err(WitnessRefusal::Malformed));
}

#[test]
fn a_witness_says_yes_to_what_continues_what_it_has_seen_and_to_nothing_else() {
    let (log, stranger) = (Key::log("log.example"), Key::log("stranger.example"));
    let keys = [Key::log("other.example").verifier, log.verifier.clone()];
    let seen: Checkpoint = checkpoint(&log, 5).checkpoint().clone();
    let judge = |request: &AddCheckpoint, latest: Option<&Checkpoint>| request.judge(&keys, latest);

    assert_eq!(judge(&request(&log, 0, 5), None), Ok(()));
    assert_eq!(judge(&request(&log, 5, 9), Some(&seen)), Ok(()));
    assert_eq!(judge(&request(&log, 5, 5), Some(&seen)), Ok(()), "the same again, later");
    assert_eq!(judge(&request(&log, 0, 0), None), Ok(()), "an empty log");

    let empty = checkpoint(&log, 0).checkpoint().clone();
    assert_eq!(judge(&request(&log, 0, 5), Some(&empty)), Ok(()));

    let unknown = judge(&request(&stranger, 5, 9), Some(&seen)).unwrap_err();
    assert_eq!((&unknown, unknown.status()), (&WitnessRefusal::UnknownLog, 404));

    let mut forged = request(&log, 5, 9);
    let text = forged.checkpoint.checkpoint().to_string();
    let line = log.sign("something else\n");
    forged.checkpoint = SignedCheckpoint::parse(format!("{text}\n{line}\n").as_bytes()).unwrap();
    let bad = CheckpointError::Note(NoteError::Signature(log.verifier.name().clone()));
    assert_eq!(judge(&forged, Some(&seen)), Err(WitnessRefusal::Signature(bad)));
    forged.checkpoint =
        SignedCheckpoint::parse(format!("{text}\n{}\n", stranger.sign(&text)).as_bytes()).unwrap();
    assert_eq!(judge(&forged, Some(&seen)).unwrap_err().status(), 403);

    for (what, request, latest, refusal) in [
        ("rolled back", request(&log, 5, 3), Some(&seen), WitnessRefusal::OldSize),
        ("rolled back, and says so", request(&log, 3, 3), Some(&seen), WitnessRefusal::Conflict(5)),
        ("from nothing", request(&log, 0, 9), Some(&seen), WitnessRefusal::Conflict(5)),
        ("from elsewhere", request(&log, 4, 9), Some(&seen), WitnessRefusal::Conflict(5)),
        ("from what never was", request(&log, 5, 9), None, WitnessRefusal::Conflict(0)),
        (
            "no proof",
            AddCheckpoint { proof: Vec::new(), ..request(&log, 5, 9) },
            Some(&seen),
            WitnessRefusal::Inconsistent(MerkleError::TooShort),
        ),
        (
            "a proof where none belongs",
            AddCheckpoint { proof: leaves(1), ..request(&log, 0, 9) },
            None,
            WitnessRefusal::Inconsistent(MerkleError::TooLong),
        ),
        (
            "a proof between the same",
            AddCheckpoint { proof: leaves(1), ..request(&log, 5, 5) },
            Some(&seen),
            WitnessRefusal::Inconsistent(MerkleError::TooLong),
        ),
    ] {
        assert_eq!(judge(&request, latest), Err(refusal), "{what}");
    }

    // A fork: the log has signed another past.
    let forked = Checkpoint { root: leaf_hash(b"another past"), ..seen };
    for (request, error) in
        [(request(&log, 5, 9), MerkleError::OldRoot), (request(&log, 5, 5), MerkleError::Root)]
    {
        let refused = judge(&request, Some(&forked)).unwrap_err();
        assert_eq!((&refused, refused.status()), (&WitnessRefusal::Inconsistent(error), 422));
    }
}

#[test]
fn of_a_response_only_the_witnesss_own_good_line_is_taken() {
    let (log, witness, other) =
        (Key::log("log.example"), Key::witness("w.example"), Key::witness("v.example"));
    let signed = checkpoint(&log, 5);
    let text = signed.checkpoint().to_string();
    let (own, foreign) = (witness.cosign(&text, NOW), other.cosign(&text, NOW));
    let take = |response: &str| cosignature_in(response, &signed, &witness.verifier);
    assert_eq!(take(&format!("{own}\n")), Ok(own.clone()));
    assert_eq!(take(&format!("{foreign}\n{own}\n")), Ok(own.clone()));
    assert_eq!(take(&format!("{foreign}\n")), Err(NoteError::Unsigned));
    let bad = Err(NoteError::Signature(witness.verifier.name().clone()));
    let elsewhere = checkpoint(&log, 4).checkpoint().to_string();
    assert_eq!(take(&format!("{}\n", witness.cosign(&elsewhere, NOW))), bad);
    for response in ["", "\n", "no line\n", &own.to_string(), &format!("x\n\n{own}\n")] {
        assert!(take(response).is_err(), "{response:?}");
    }
}
