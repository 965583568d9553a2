//! What a command ends with: a number that scripts can use, and the words that go with it.

use core::fmt;

/// The exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// It was done, or it is allowed.
    Success,
    /// Something went wrong that is none of the below.
    Failure,
    /// The command line was wrong. (clap ends with the same code.)
    Usage,
    /// `policy preview` only: the changed policy is looser, or not as strict in every way.
    Looser,
    /// `audit verify` and `audit check-proof` only: what is kept is not what was logged.
    Tampered,
    /// `audit verify` and `audit check-proof` only: something is missing that would tell.
    CannotTell,
    /// Denied, refused, cancelled or blocked: we know that it must not run.
    Denied,
    /// Nobody decided in time, or the token was collected too late.
    Expired,
    /// It could not be judged: do not act.
    Undetermined,
    /// People are still deciding.
    Pending,
    /// `exec` only: the command ended with this code of its own, or 128 + the signal that ended it.
    Command(u8),
}

impl Exit {
    /// The number.
    #[must_use]
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Tampered => 2,
            Self::Looser | Self::CannotTell => 3,
            Self::Denied => 120,
            Self::Expired => 121,
            Self::Undetermined => 122,
            Self::Pending => 123,
            Self::Command(code) => code,
        }
    }
}

/// A command that did not succeed: its code, what was wrong and where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// The exit code.
    pub exit: Exit,
    /// What was wrong; one line, lower case.
    pub what: String,
    /// What to do about it, if there is something.
    pub advice: Option<String>,
}

impl Failed {
    /// Ends with `exit`, saying `what`.
    pub(super) fn new(exit: Exit, what: impl fmt::Display) -> Self {
        Self { exit, what: what.to_string(), advice: None }
    }

    /// … and what to do.
    #[must_use]
    pub(super) fn advise(mut self, advice: impl fmt::Display) -> Self {
        self.advice = Some(advice.to_string());
        self
    }

    /// Ends with [`Exit::Failure`].
    pub(super) fn plain(what: impl fmt::Display) -> Self {
        Self::new(Exit::Failure, what)
    }
}
