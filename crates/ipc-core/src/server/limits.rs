//! What a server allows itself and its clients.

use std::time::Duration;

/// Limits of a server as a whole; those of one connection belong to its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Connections at once. Beyond it nobody is accepted until one ends. Default: 16,384.
    pub connections: usize,
    /// How many of them one user may have: one more is refused as
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded). Those who are refused count until they are
    /// closed, and all peers of whom nobody knows who they are count as one user. Default: all but a
    /// quarter, which is left to others.
    ///
    /// # Platform differences
    /// On Windows a client has no user before it has said something, and is counted from then on;
    /// one that says nothing has the time that its protocol gives it.
    pub connections_per_user: Option<usize>,
    /// Threads for handlers that block ([`RunsOn::Pool`](crate::service::RunsOn::Pool)).
    /// One user never has all of them. Default: 4.
    pub pool_threads: usize,
    /// Calls that may wait for such a thread, half of them for one user; one more fails as
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded). Default: 256.
    pub pool_queue: usize,
    /// How long a connection that is being closed may take to receive its last bytes. Default: 5
    /// seconds.
    pub closing: Duration,
    /// How long accepting rests after the system refused it, for want of descriptors for
    /// instance. Default: 100 milliseconds.
    pub accept_pause: Duration,
}

impl ServerLimits {
    /// How many connections one user may have: what
    /// [`connections_per_user`](Self::connections_per_user) says, or all but a quarter; at least one.
    #[must_use]
    pub fn most_of_one_user(&self) -> usize {
        let all_but_a_quarter = self.connections - self.connections / 4;
        self.connections_per_user.unwrap_or(all_but_a_quarter).max(1)
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            connections_per_user: None,
            pool_threads: 4,
            pool_queue: 256,
            closing: Duration::from_secs(5),
            accept_pause: Duration::from_millis(100),
        }
    }
}
