//! The boundary between the runtime, which moves bytes, and a protocol, which understands them.

use std::fmt;
use std::fs::File;
use std::io::IoSlice;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::deadline::Deadline;
use crate::error::{Error, Failure};
use crate::files::Root;
use crate::level::ImpersonationLevel;
use crate::service::{Arguments, Reply};
use crate::transport::{ReceivedHandle, Ticket};

/// A protocol as a server speaks it on one connection: a state machine without I/O.
///
/// The runtime reads into [`room`](Self::room), takes [`events`](Self::next_event) until there are
/// none, answers calls with [`reply`](Self::reply), and sends whatever [`output`](Self::output)
/// has until there is nothing or the connection takes no more. It goes on reading whatever is
/// queued: what can queue is bounded by the protocol's own limits.
pub trait Protocol: fmt::Debug + Send {
    /// The connection [passes handles](crate::Connection::handles); told first of all. Default:
    /// nothing, and none are passed.
    fn pass_handles(&mut self) {}

    /// Where the peer's next bytes go; never empty while the protocol is [open](Self::is_finished).
    fn room(&mut self) -> &mut [u8];

    /// `count` bytes were read into [`room`](Self::room).
    fn received(&mut self, count: usize);

    /// The connection is about to be parked: memory that holds nothing is better given back, for it
    /// may stay parked for long and among ten thousand others. Default: nothing.
    fn rest(&mut self) {}

    /// The peer has ended: nothing more will come, and nobody waits for an answer.
    fn ended(&mut self);

    /// The next thing that has happened; `None`: nothing until more is received. Where sending alone
    /// brings something about, [`output`](Self::output) wakes its waker.
    fn next_event(&mut self, now: Instant) -> Option<Event<'_>>;

    /// The handle that an [`Event::Handle`] told of. Default: it is closed.
    fn received_handle(&mut self, call: CallId, handle: ReceivedHandle) {
        let _ = (call, handle);
    }

    /// The handle of the last [`Output::Handle`] goes with the next bytes that are written, under
    /// this ticket; or it cannot be passed. Default: nothing.
    fn offered(&mut self, offered: Result<Ticket, Failure>) {
        let _ = offered;
    }

    /// Queues the answer to a call. For a call that has ended meanwhile it is dropped.
    fn reply(&mut self, call: CallId, reply: Result<Reply<Vec<u8>>, Failure>);

    /// The next bytes to send. `waker` is woken when a body that had nothing to give may have more,
    /// or when there is an [event](Self::next_event) that nothing received has brought.
    fn output(&mut self, waker: &Waker) -> Output<'_>;

    /// `count` bytes of the last [`output`](Self::output) were accepted by the transport.
    fn sent(&mut self, count: u64);

    /// The file of the last [`Output::File`] gave no more bytes, because it ends or failed there:
    /// the protocol sends what it owes in another way and fails the body.
    fn file_failed(&mut self, failure: Failure);

    /// `true` while at least one call has not been answered to its last byte.
    fn is_busy(&self) -> bool;

    /// The earliest moment at which [`timer`](Self::timer) must be called.
    fn deadline(&self) -> Deadline;

    /// Time has passed: calls out of time, a preface that never came, a peer that takes nothing.
    fn timer(&mut self, now: Instant);

    /// Takes no more calls, and tells the peer; what is under way goes on.
    fn drain(&mut self);

    /// Tells the peer why it is not served, and finishes.
    fn refuse(&mut self, failure: Failure);

    /// `true` once nothing more is to be said or heard: when [`output`](Self::output) has nothing
    /// left the connection is closed.
    fn is_finished(&self) -> bool;
}

/// Names a call on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What received bytes mean.
#[derive(Debug)]
pub enum Event<'a> {
    /// The peer states how far the server may act for it; before its first call, once.
    Level(ImpersonationLevel),
    /// The peer calls a method.
    Call {
        /// Names the call.
        id: CallId,
        /// The method.
        method: u32,
        /// Its encoded arguments.
        arguments: Arguments<'a>,
        /// When the peer stops waiting.
        deadline: Deadline,
        /// The handle that came with it.
        handle: Option<ReceivedHandle>,
    },
    /// A handle has come for a call that follows: it is claimed at once and
    /// [handed over](Protocol::received_handle). If it cannot be, the peer is refused.
    Handle {
        /// Names the call.
        call: CallId,
        /// Names the handle.
        ticket: Ticket,
    },
    /// The protocol has answered a call by itself, or nobody waited for it before it was handed out.
    Refused {
        /// Names the call.
        id: CallId,
        /// The method.
        method: u32,
        /// What the peer was told, or would have been.
        failure: Failure,
    },
    /// Nobody waits for that call any more.
    Cancelled(CallId),
    /// The peer broke the protocol or its time; the protocol has queued what it says to that, and
    /// is finished.
    Failed(Error),
}

/// What is to be sent next.
#[derive(Debug)]
pub enum Output<'a> {
    /// Nothing, for now.
    Nothing,
    /// Nothing yet: this handle is to be offered first, and the protocol
    /// [told](Protocol::offered).
    Handle(File),
    /// These bytes, in order; parts may be empty, not all of them.
    Bytes([IoSlice<'a>; 3]),
    /// A part of a file.
    File {
        /// The file.
        file: &'a File,
        /// How it is read where the transport cannot send it.
        root: &'a Arc<dyn Root>,
        /// Where the part begins.
        from: u64,
        /// How long it is, in bytes; at least one.
        length: u64,
    },
}
