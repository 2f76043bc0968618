//! What connections are waited for.

/// Names a parked connection in the reports of a [`Waiter`](super::Waiter). Never reused, so that a late report
/// hits nobody. Counted from 1; 0 is the listener, and the highest is the transport's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub u64);

impl Key {
    /// The listener itself: somebody wants to be accepted.
    pub const LISTENER: Key = Key(0);
}

/// What a connection is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Something to read, or the end.
    Read,
    /// Room to write.
    Write,
    /// Either.
    Both,
}

impl Interest {
    /// `true` if reading is waited for.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::Both)
    }

    /// `true` if writing is waited for.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Both)
    }
}

/// What a connection is ready for. Both may be set; after a peer's end, a failure or
/// [`Connection::cancel`](super::Connection::cancel) both are, so that the next call tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ready {
    /// A read will not wait.
    pub read: bool,
    /// A write will not wait.
    pub write: bool,
}

impl Ready {
    /// Ready for both.
    pub const BOTH: Ready = Ready { read: true, write: true };

    /// `true` if anything that `interest` asks for is ready.
    #[must_use]
    pub const fn satisfies(self, interest: Interest) -> bool {
        (self.read && interest.reads()) || (self.write && interest.writes())
    }
}
