//! How much a process may hold at a time, how much it holds, and what it takes on while that is so.

mod cgroup;

use core::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::path::Path;
use std::sync::Arc;

/// What a call is to a service that has little left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It ends something, or stops somebody: it is always taken.
    Vital,
    /// It goes on with what was begun; whoever asks can ask again.
    Ongoing,
    /// It begins something, or only looks back: it is the first to be shed.
    New,
}

/// Why a call is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// There is little memory left.
    Memory,
    /// Too many calls are under way.
    Calls,
}

impl Shed {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Memory, Self::Calls];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Calls => "calls",
        }
    }
}

/// How close it is to its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strain {
    /// Far.
    Low,
    /// What is new is shed.
    High,
    /// What was begun is shed too.
    Critical,
}

/// How much a process may hold at a time.
#[derive(Debug)]
pub struct Ceiling {
    /// Bytes; none where nothing limits it.
    limit: Option<u64>,
    /// From which share of the limit on work is shed, in thousandths.
    shed_at: u16,
    most_calls: usize,
    used: AtomicU64,
    strain: AtomicU8,
    calls: AtomicUsize,
}

/// A call that is under way; over when it is dropped.
#[derive(Debug)]
pub struct Call(Arc<Ceiling>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Ceiling {
    /// Sheds work from `shed_at` thousandths of `limit` bytes on, and beyond `most_calls` calls at a time.
    #[must_use]
    pub fn new(limit: Option<u64>, shed_at: u16, most_calls: usize) -> Self {
        Self {
            limit,
            shed_at: shed_at.min(1000),
            most_calls,
            used: AtomicU64::new(0),
            strain: AtomicU8::new(0),
            calls: AtomicUsize::new(0),
        }
    }

    /// The limit that the system sets on this process, if it does.
    #[must_use]
    pub fn of_the_system() -> Option<u64> {
        cgroup::limit(Path::new("/proc/self"), Path::new("/sys/fs/cgroup"))
    }

    /// The limit, in bytes.
    #[must_use]
    pub const fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// How many bytes were used when that was last looked at.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// How close it is to its limit.
    #[must_use]
    pub fn strain(&self) -> Strain {
        match self.strain.load(Ordering::Relaxed) {
            0 => Strain::Low,
            1 => Strain::High,
            _ => Strain::Critical,
        }
    }

    /// Looks at what is used, and says how close that is to the limit. Reads what the kernel tells, which never waits.
    pub fn look(&self) -> Strain {
        self.measured(cgroup::used(Path::new("/proc/self"), Path::new("/sys/fs/cgroup")))
    }

    fn measured(&self, used: u64) -> Strain {
        self.used.store(used, Ordering::Relaxed);
        let Some(limit) = self.limit.filter(|limit| *limit > 0) else { return Strain::Low };
        let share = u128::from(used) * 1000 / u128::from(limit);
        let (high, before) = (u128::from(self.shed_at), self.strain());
        let critical = (high + 1000) / 2;
        // What was shed is taken again only when there is room, so that it does not go to and fro.
        let slack = |strain| if before >= strain { 50 } else { 0 };
        let strain = if share + slack(Strain::Critical) >= critical {
            Strain::Critical
        } else if share + slack(Strain::High) >= high {
            Strain::High
        } else {
            Strain::Low
        };
        self.strain.store(strain as u8, Ordering::Relaxed);
        strain
    }

    /// Takes a call on, or says why not.
    ///
    /// # Errors
    /// [`Shed`]: whoever calls may try again in a second.
    pub fn take(self: &Arc<Self>, weight: Weight) -> Result<Call, Shed> {
        let shed = match self.strain() {
            Strain::Low => false,
            Strain::High => weight >= Weight::New,
            Strain::Critical => weight >= Weight::Ongoing,
        };
        if shed {
            return Err(Shed::Memory);
        }
        let call = Call(self.clone());
        let under_way = self.calls.fetch_add(1, Ordering::Relaxed);
        match under_way >= self.most_calls && weight > Weight::Vital {
            true => Err(Shed::Calls),
            false => Ok(call),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn work_is_shed_in_its_order_and_taken_again_with_room() {
        let ceiling = Arc::new(Ceiling::new(Some(1000), 850, 10));
        let takes = |weight| ceiling.take(weight).is_ok();
        for (used, strain, new, ongoing) in [
            (0, Strain::Low, true, true),
            (849, Strain::Low, true, true),
            (850, Strain::High, false, true),
            (924, Strain::High, false, true),
            (925, Strain::Critical, false, false),
            (880, Strain::Critical, false, false),
            (874, Strain::High, false, true),
            (801, Strain::High, false, true),
            (799, Strain::Low, true, true),
            (5000, Strain::Critical, false, false),
        ] {
            assert_eq!(ceiling.measured(used), strain, "{used}");
            assert_eq!(
                (takes(Weight::New), takes(Weight::Ongoing), takes(Weight::Vital)),
                (new, ongoing, true)
            );
        }
        let unlimited = Ceiling::new(None, 850, 10);
        assert_eq!(unlimited.measured(u64::MAX), Strain::Low);
    }

    #[test]
    fn calls_are_bounded_but_for_those_that_are_vital() {
        let ceiling = Arc::new(Ceiling::new(None, 850, 2));
        let under_way = [Weight::New, Weight::Vital].map(|weight| ceiling.take(weight).unwrap());
        assert_eq!(ceiling.take(Weight::New).unwrap_err(), Shed::Calls);
        assert_eq!(ceiling.take(Weight::Ongoing).unwrap_err(), Shed::Calls);
        drop(ceiling.take(Weight::Vital).unwrap());
        drop(under_way);
        drop(ceiling.take(Weight::New).unwrap());
        assert_eq!(ceiling.calls.load(Ordering::Relaxed), 0);
    }

    proptest! {
        #[test]
        fn more_use_is_never_less_strain(limit in 1_u64.., shed_at in 0_u16..1200, uses in prop::collection::vec(any::<u64>(), 1..8)) {
            let mut uses = uses;
            uses.sort_unstable();
            let ceiling = Ceiling::new(Some(limit), shed_at, 1);
            let strains: Vec<Strain> = uses.into_iter().map(|used| ceiling.measured(used)).collect();
            prop_assert!(strains.is_sorted());
        }
    }
}
