//! Links, buttons and marks of browsers: each is known again, and nothing else is taken for it.

use super::*;
use proptest::prelude::*;

fn links() -> Links {
    Links::new(&[7; 32])
}

fn offered() -> Offered {
    Offered {
        escalation: EscalationId::from_random([1; 16]),
        shown: RenderingDigest::from_bytes([2; 32]),
        approves: true,
    }
}

fn link() -> Link {
    Link { person: PersonId::new("ada").unwrap(), offered: offered(), until: Moment::from_unix_seconds(1000) }
}

#[test]
fn a_link_is_read_back_until_its_time_is_over() {
    let text = links().link(&link());
    assert_eq!(links().followed(&text, Moment::from_unix_seconds(999)), Ok(link()));
    let until = Moment::from_unix_seconds(1000);
    assert_eq!(links().followed(&text, until), Err(LinkRefused::Over(until)));
}

#[test]
fn what_is_sealed_for_one_thing_is_nothing_to_another() {
    let now = Moment::from_unix_seconds(1);
    let (link, button) = (links().link(&link()), links().button(&offered()));
    let device = links().device(&PersonId::new("ada").unwrap(), now);
    assert_eq!(links().pressed(&button), Some(offered()));
    assert_eq!(button.len(), 108);
    for other in [&button, &device] {
        assert_eq!(links().followed(other, now), Err(LinkRefused::Foreign));
        assert_eq!(links().pressed(&link), None);
    }
    assert_eq!(links().pressed(&device), None);
    assert_eq!(links().device_of(&button, now), None);
    assert_eq!(links().device_of(&link, now), None);
    assert_eq!(Links::new(&[8; 32]).followed(&link, now), Err(LinkRefused::Foreign));
}

#[test]
fn a_browser_is_known_for_ninety_days() {
    let (now, ada) = (Moment::from_unix_seconds(5), PersonId::new("ada").unwrap());
    let mark = links().device(&ada, now);
    let last = now.plus(DEVICE_LIFE).minus(Duration::from_millis(1));
    assert_eq!(links().device_of(&mark, last), Some((ada, now)));
    assert_eq!(links().device_of(&mark, now.plus(DEVICE_LIFE)), None);
}

proptest! {
    #[test]
    fn no_other_text_is_taken_for_a_link(at in 0_usize..190, to in "[A-Za-z0-9_-]") {
        let text = links().link(&link());
        let mut changed: Vec<char> = text.chars().collect();
        let at = at % changed.len();
        changed[at] = to.chars().next().unwrap();
        let changed: String = changed.into_iter().collect();
        let followed = links().followed(&changed, Moment::default());
        prop_assert_eq!(followed.is_ok(), changed == text);
    }

    #[test]
    fn anything_may_come_and_nothing_panics(text in ".{0,300}") {
        prop_assert_eq!(links().followed(&text, Moment::default()), Err(LinkRefused::Foreign));
        prop_assert_eq!(links().pressed(&text), None);
    }
}
