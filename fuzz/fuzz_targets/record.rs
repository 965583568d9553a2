//! Any bytes as leaves of a log, one to a line: refused, or records that are written back as they are; and an auditor
//! reads whatever they say without panicking, and finds something, since nobody signed any of it.
#![no_main]

use countersign::audit::event::{Event, Record};
use countersign::audit::log::Leaf;
use countersign::audit::verify::{Auditor, Severity, Trust};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut auditor = Auditor::new(Trust::default());
    let (mut read, mut mints, mut found) = (0_u64, 0_u64, 0_usize);
    for line in bytes.split(|byte| *byte == b'\n') {
        let leaf = Leaf::read(line);
        if let Ok(record) = Record::from_bytes(line) {
            let canonical = record.to_canonical();
            if let Ok(canonical) = &canonical {
                let again = Record::from_bytes(canonical).expect("what was written is read");
                assert_eq!(again.to_canonical().as_ref(), Ok(canonical), "a second canonical form");
            }
            assert_eq!(leaf.entry.is_ok(), canonical.is_ok_and(|canonical| canonical == line));
        }
        if let Ok(record) = leaf.entry {
            mints += u64::from(matches!(record.event, Event::Minted(_)));
            let findings = auditor.take(read, record);
            found += findings.iter().filter(|finding| finding.severity == Severity::Finding).count();
            read += 1;
        }
    }
    found += auditor.end().0.iter().filter(|finding| finding.severity == Severity::Finding).count();
    assert!(mints == 0 || found > 0, "a token out of nothing");
});
