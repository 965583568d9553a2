//! A moment on the command line.

use super::now;
use crate::moment::Moment;
use crate::policy::Span;

/// A moment, said by itself or as so long ago.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    At(Moment),
    Ago(Span),
}

impl When {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // A day begins at midnight UTC.
        let day = || Moment::from_rfc3339(&format!("{text}T00:00:00Z"));
        let moment = Moment::from_rfc3339(text).or_else(day).map(Self::At);
        moment.or_else(|| Span::parse(text).ok().map(Self::Ago)).ok_or_else(|| {
            "expected a span as in 2h, a day as in 2026-11-21, or a moment as in 2026-11-21T09:00:00Z"
                .to_owned()
        })
    }

    pub(super) fn moment(self) -> Moment {
        match self {
            Self::At(moment) => moment,
            Self::Ago(span) => now().minus(span.duration()),
        }
    }
}
