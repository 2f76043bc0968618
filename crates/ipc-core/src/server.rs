//! Serving: from a bound endpoint to answered calls.
//!
//! A [`Server`] has a few worker threads (four unless told otherwise) and one waiter. A request is
//! handled on the thread that read it; nobody who is idle, silent or slow holds a thread:
//!
//! * idle connections are parked with the listener's [`Waiter`](crate::Waiter);
//! * handlers return their body as a value, which the runtime sends as the client takes it;
//! * handlers that block run on a bounded pool ([`RunsOn::Pool`](crate::service::RunsOn)); where
//!   those that now and then wait hold up all workers, one more thread goes on;
//! * a turn of one connection ends after 64 requests or a millisecond, then others come first.
//!
//! A transport whose listeners have no waiter is served by a thread per connection.

mod account;
mod builder;
mod connection;
mod limits;
mod observer;
mod ownership;
mod pool;
mod pooled;
pub mod protocol;
mod queue;
mod runtime;
mod seats;
mod send;
mod shares;
mod threaded;
mod timers;
mod turn;
mod worker;

pub use builder::{Server, ServerBuilder};
pub use limits::ServerLimits;
pub use observer::Observer;

pub(crate) use pooled::ShareOfPool;

#[cfg(test)]
mod tests;
