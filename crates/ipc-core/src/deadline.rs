//! When a blocking call must have returned.

use std::fmt;
use std::time::{Duration, Instant};

/// The moment by which a blocking call must have returned.
///
/// A [`Duration`] becomes a `Deadline` once, at the outermost call; everything below passes the
/// same value on, so that retries and partial progress do not lengthen a wait.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use ipc_core::Deadline;
///
/// let deadline = Deadline::after(Duration::from_secs(5));
/// assert!(deadline.remaining().is_some_and(|left| left <= Duration::from_secs(5)));
/// assert_eq!(Deadline::NEVER.remaining(), None);
/// assert!(Deadline::NOW.has_passed());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Deadline(When);

impl Deadline {
    /// No deadline: the call waits until it is done or cancelled.
    pub const NEVER: Deadline = Deadline(When::Never);

    /// A deadline that has always passed: the call tries once and does not wait.
    pub const NOW: Deadline = Deadline(When::Passed);

    /// The deadline `timeout` from now; [`NEVER`](Self::NEVER) if that lies beyond what the clock
    /// can express.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        if timeout.is_zero() {
            return Self::NOW;
        }
        Instant::now().checked_add(timeout).map_or(Self::NEVER, Self::at)
    }

    /// The deadline at `instant`.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(When::At(instant))
    }

    /// `true` if a call with this deadline must not wait.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.remaining().is_some_and(|left| left.is_zero())
    }

    /// `true` for [`NEVER`](Self::NEVER).
    #[must_use]
    pub const fn is_never(self) -> bool {
        matches!(self.0, When::Never)
    }

    /// What remains: `None` without a deadline, zero once it has passed.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        match self.0 {
            When::Never => None,
            When::Passed => Some(Duration::ZERO),
            When::At(instant) => Some(instant.saturating_duration_since(Instant::now())),
        }
    }

    /// The instant to wait until: `None` without a deadline, the present for one that has passed.
    #[must_use]
    pub fn instant(self) -> Option<Instant> {
        match self.0 {
            When::Never => None,
            When::Passed => Some(Instant::now()),
            When::At(instant) => Some(instant),
        }
    }

    /// The earlier of the two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        match (self.0, other.0) {
            (When::Passed, _) | (_, When::Passed) => Self::NOW,
            (When::Never, _) => other,
            (_, When::Never) => self,
            (When::At(a), When::At(b)) => Self::at(a.min(b)),
        }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.remaining() {
            None => f.write_str("Deadline(never)"),
            Some(left) => write!(f, "Deadline(in {left:?})"),
        }
    }
}

impl From<Instant> for Deadline {
    fn from(instant: Instant) -> Self {
        Self::at(instant)
    }
}

/// `None` is [`Deadline::NEVER`].
impl From<Option<Duration>> for Deadline {
    fn from(timeout: Option<Duration>) -> Self {
        timeout.map_or(Self::NEVER, Self::after)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum When {
    Never,
    Passed,
    At(Instant),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_of_two_wins_whatever_their_kind() {
        let soon = Deadline::after(Duration::from_secs(1));
        let late = Deadline::after(Duration::from_secs(9));
        assert_eq!(soon.min(late), soon);
        assert_eq!(late.min(soon), soon);
        assert_eq!(Deadline::NEVER.min(late), late);
        assert_eq!(late.min(Deadline::NEVER), late);
        assert_eq!(soon.min(Deadline::NOW), Deadline::NOW);
        assert_eq!(Deadline::NEVER.min(Deadline::NEVER), Deadline::NEVER);
    }

    #[test]
    fn a_timeout_beyond_the_clock_never_comes() {
        assert_eq!(Deadline::after(Duration::MAX), Deadline::NEVER);
    }
}
