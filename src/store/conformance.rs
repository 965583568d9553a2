//! What every store must do, as checks that whoever writes one runs against it.
//!
//! A check is given a [`Place`], opens stores in it one after the other, and panics where one does not keep the
//! promise of [`Store`]. What a store answers is compared with [`model::Model`], which finds everything
//! by reading all records from the first to the last.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a check says what it expects"
)]

mod concurrency;
pub mod events;
mod find;
mod fleet;
pub mod history;
pub mod model;
mod rules;
pub mod shared;
pub mod tree;

use super::Store;
use core::pin::Pin;
use std::sync::Arc;

/// Something that is still going on.
pub type Going<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where one store's records are kept; empty at first.
pub trait Place: Send {
    /// Opens the store on what is recorded in this place. Whatever store was open in it before is closed first; the
    /// check has given it up.
    fn open(&mut self) -> Going<'_, Arc<dyn Store>>;
}

/// One thing that every store must do.
#[derive(Clone, Copy)]
pub struct Check {
    /// What it must do.
    pub name: &'static str,
    /// Panics if it does not.
    pub run: for<'a> fn(&'a mut dyn Place) -> Going<'a, ()>,
}

macro_rules! checks {
    ($($file:ident :: $check:ident),+ $(,)?) => {
        &[$(Check { name: stringify!($check), run: |place| Box::pin($file::$check(place)) }),+]
    };
}

/// All checks. Each wants a place of its own, and a runtime with several threads.
pub const CHECKS: &[Check] = checks![
    rules::an_empty_store_knows_nothing,
    rules::records_get_consecutive_places_and_are_read_back,
    rules::what_was_recorded_is_seen_at_once,
    rules::a_request_is_answered_once,
    rules::a_decision_is_recorded_once,
    rules::a_token_is_minted_once,
    rules::a_receipt_is_recorded_once,
    rules::a_change_that_rests_on_something_old_is_refused,
    rules::a_refused_change_leaves_nothing_behind,
    rules::a_long_record_is_kept_and_one_that_is_too_long_is_refused,
    rules::any_text_is_kept_or_refused_by_name,
    rules::anomalies_are_counted_from_a_moment_on_and_not_without_end,
    rules::a_suspension_is_found_until_it_is_lifted,
    rules::the_documents_in_force_are_the_last_ones,
    rules::the_latest_profile_of_each_person_is_found,
    fleet::leaves_of_a_log_are_handed_over_once,
    fleet::an_enrolment_is_found_until_it_is_withdrawn,
    fleet::a_join_token_is_used_once,
    fleet::requests_that_a_sidecar_answered_are_not_answered_here,
    fleet::one_of_many_who_hand_over_the_same_is_recorded,
    rules::a_change_that_rests_on_what_was_recorded_anew_is_refused,
    rules::a_change_of_nothing_changes_nothing,
    rules::a_missing_record_is_an_error,
    concurrency::one_of_many_same_requests_is_recorded,
    concurrency::one_of_two_votes_wins_each_round,
    concurrency::changes_from_many_tasks_stay_whole,
    concurrency::a_submitter_who_leaves_breaks_nothing,
    concurrency::watchers_wake_when_their_escalation_changes,
    concurrency::whoever_watches_all_hears_of_every_change_once_it_can_be_read,
    concurrency::a_change_is_seen_whole_or_not_at_all,
    history::random_histories_are_answered_as_by_reading_everything,
    history::reopening_changes_nothing,
    find::what_is_found_is_what_reading_everything_finds,
    find::decisions_are_found_by_their_time,
    tree::the_tree_is_that_of_the_leaves,
];
