//! The calls of one connection: which there are, how far each is, and how many there may be.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::session::SessionLimits;

/// The calls that are not over, by id.
///
/// A call is over once its answer was sent to its last byte and its handler has returned. One that
/// was cancelled or ran out of time is answered at once, so the second may come after the first.
#[derive(Debug, Default)]
pub(super) struct Calls {
    table: HashMap<u64, Call>,
    /// The highest id that the client used.
    last: u64,
    /// The calls whose answer has not been sent whole.
    unanswered: Load,
    /// The calls whose answer has been sent while their handler still runs.
    abandoned: Load,
    /// Not later than the earliest deadline.
    first_deadline: Option<Instant>,
}

#[derive(Debug)]
struct Call {
    weight: Weight,
    /// By when its answer must have been given.
    deadline: Option<Instant>,
    /// How many bytes of the body the client is ready to receive, before there is one.
    credit: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It waits until replies have gone out.
    Held,
    /// The handler has it.
    Running,
    /// The handler has it and the client was told that nobody waits.
    GivenUp,
    /// As `GivenUp`, and that was sent.
    Abandoned,
    /// The answer was given.
    Answered,
}

/// What a call adds to the load of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weight {
    /// The length of the request.
    pub(super) bytes: u32,
    /// Whether a handle came with it.
    pub(super) handle: bool,
}

/// How many calls, how many bytes of requests, and how many handles that came with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    calls: u32,
    bytes: u64,
    handles: u32,
}

/// Whether a new call can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It can.
    Taken,
    /// Not while handlers are busy with calls that were given up.
    Busy,
}

/// What giving up a call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// A call that no handler had seen.
    Held,
    /// The handler's work.
    Running,
    /// At most the sending of its answer.
    Answered,
}

impl Calls {
    /// The highest id that the client used.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// `true` while an answer has not been sent to its last byte.
    pub(super) fn any_unanswered(&self) -> bool {
        self.unanswered.calls > 0
    }

    /// Notes that the client used `call` for a new request.
    ///
    /// # Errors
    /// [`Error::Protocol`] for an id that is even or not above all before.
    pub(super) fn note(&mut self, call: u64) -> Result<()> {
        self.check_new(call, "a request")?;
        self.last = call;
        Ok(())
    }

    /// Fails for an id that no new call can have.
    ///
    /// # Errors
    /// [`Error::Protocol`].
    pub(super) fn check_new(&self, call: u64, what: &str) -> Result<()> {
        if call % 2 == 0 {
            return Err(fault(format!("{what} under the even id {call}, a server's")));
        }
        if call <= self.last {
            return Err(fault(format!("{what} under id {call} after {}", self.last)));
        }
        Ok(())
    }

    /// Fails if the calls in flight have as many handles as they may.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`].
    pub(super) fn check_handles(&self, limits: &SessionLimits) -> Result<()> {
        let handles = self.unanswered.handles + 1;
        check("handles of calls at once", handles.into(), limits.handles.into())
    }

    /// Fails for an id that the client has not used yet.
    ///
    /// # Errors
    /// [`Error::Protocol`].
    pub(super) fn check_noted(&self, call: u64, what: &str) -> Result<()> {
        if call <= self.last {
            return Ok(());
        }
        Err(fault(format!("{what} for call {call}, which was never made")))
    }

    /// Adds the noted `call`. It is held until it is [started](Self::start).
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] if the client has too many calls in flight, or too long ones.
    pub(super) fn add(
        &mut self,
        call: u64,
        weight: Weight,
        credit: u64,
        limits: &SessionLimits,
    ) -> Result<Admission> {
        let unanswered = self.unanswered.with(weight);
        check("calls at once", unanswered.calls.into(), limits.calls.into())?;
        check("bytes of requests at once", unanswered.bytes, limits.request_bytes.into())?;
        self.unanswered = unanswered;
        self.table.insert(call, Call { weight, deadline: None, credit, stage: Stage::Held });
        let all_bytes = unanswered.bytes + self.abandoned.bytes;
        let fits = unanswered.calls + self.abandoned.calls <= limits.calls
            && all_bytes <= limits.request_bytes.into()
            && unanswered.handles + self.abandoned.handles <= limits.handles;
        Ok(if fits { Admission::Taken } else { Admission::Busy })
    }

    /// Sets by when `call` must be answered: `remaining` from `now`.
    pub(super) fn set_deadline(&mut self, call: u64, now: Instant, remaining: Option<Duration>) {
        let deadline = remaining.and_then(|time| now.checked_add(time));
        if let Some(entry) = self.table.get_mut(&call) {
            entry.deadline = deadline;
            self.first_deadline = self.first_deadline.into_iter().chain(deadline).min();
        }
    }

    /// A handler gets `call`; returns by when it must answer.
    pub(super) fn start(&mut self, call: u64) -> Deadline {
        let Some(entry) = self.table.get_mut(&call) else { return Deadline::NEVER };
        entry.stage = Stage::Running;
        entry.deadline.map_or(Deadline::NEVER, Deadline::at)
    }

    /// The handler has answered `call`, or the session does for it. Returns the credit for the
    /// body, `None` if the client has been answered already.
    pub(super) fn answer(&mut self, call: u64) -> Option<u64> {
        let entry = self.table.get_mut(&call)?;
        match entry.stage {
            Stage::Held | Stage::Running => {
                entry.stage = Stage::Answered;
                Some(entry.credit)
            }
            Stage::GivenUp => {
                entry.stage = Stage::Answered;
                None
            }
            Stage::Abandoned => {
                self.abandoned = self.abandoned.without(entry.weight);
                self.remove(call);
                None
            }
            Stage::Answered => None,
        }
    }

    /// Nobody waits for `call` any more.
    pub(super) fn give_up(&mut self, call: u64) -> GivenUp {
        let Some(entry) = self.table.get_mut(&call) else { return GivenUp::Answered };
        match entry.stage {
            Stage::Held => {
                entry.stage = Stage::Answered;
                GivenUp::Held
            }
            Stage::Running => {
                entry.stage = Stage::GivenUp;
                GivenUp::Running
            }
            _ => GivenUp::Answered,
        }
    }

    /// The answer to `call` was sent to its last byte.
    pub(super) fn settle(&mut self, call: u64) {
        let Some(entry) = self.table.get_mut(&call) else { return };
        self.unanswered = self.unanswered.without(entry.weight);
        if entry.stage == Stage::GivenUp {
            entry.stage = Stage::Abandoned;
            self.abandoned = self.abandoned.with(entry.weight);
        } else {
            self.remove(call);
        }
    }

    fn remove(&mut self, call: u64) {
        self.table.remove(&call);
        if self.table.is_empty() {
            self.first_deadline = None;
        }
    }

    /// The client is ready for more of the body of `call`. `true` if there is no body yet and the
    /// credit was kept for it.
    ///
    /// # Errors
    /// [`Error::Protocol`] for more credit than can be counted.
    pub(super) fn grant(&mut self, call: u64, bytes: u64) -> Result<bool> {
        match self.table.get_mut(&call) {
            Some(entry) if entry.stage != Stage::Answered => {
                let credit = entry.credit.checked_add(bytes);
                entry.credit = credit.ok_or_else(|| fault(format!("a window of {bytes} bytes")))?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// `true` if the client waits for `call` to be answered.
    pub(super) fn is_waited_for(&self, call: u64) -> bool {
        self.table.get(&call).is_some_and(Call::is_waited_for)
    }

    /// The earliest deadline, or an earlier moment.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.first_deadline
    }

    /// The calls that should have been answered by `now`.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<u64> {
        if self.first_deadline.is_none_or(|first| first > now) {
            return Vec::new();
        }
        let deadlines = self.table.iter().filter(|(_, call)| call.is_waited_for());
        let deadlines = deadlines.filter_map(|(id, call)| Some((*id, call.deadline?)));
        let (overdue, later): (Vec<_>, Vec<_>) = deadlines.partition(|(_, at)| *at <= now);
        self.first_deadline = later.into_iter().map(|(_, at)| at).min();
        overdue.into_iter().map(|(id, _)| id).collect()
    }

    /// Gives back the memory that holds nothing.
    pub(super) fn rest(&mut self) {
        self.table.shrink_to_fit();
    }

    /// Forgets all calls; returns those that handlers have and that were not given up.
    pub(super) fn clear(&mut self) -> Vec<u64> {
        (self.unanswered, self.abandoned) = (Load::default(), Load::default());
        self.first_deadline = None;
        let running = self.table.drain().filter(|(_, call)| call.stage == Stage::Running);
        running.map(|(id, _)| id).collect()
    }
}

impl Call {
    fn is_waited_for(&self) -> bool {
        matches!(self.stage, Stage::Held | Stage::Running)
    }
}

impl Load {
    fn with(self, weight: Weight) -> Self {
        Self {
            calls: self.calls + 1,
            bytes: self.bytes + u64::from(weight.bytes),
            handles: self.handles + u32::from(weight.handle),
        }
    }

    fn without(self, weight: Weight) -> Self {
        Self {
            calls: self.calls - 1,
            bytes: self.bytes - u64::from(weight.bytes),
            handles: self.handles - u32::from(weight.handle),
        }
    }
}

fn check(what: &'static str, asked: u64, limit: u64) -> Result<()> {
    if asked <= limit { Ok(()) } else { Err(Error::LimitExceeded { what, asked, limit }) }
}

fn fault(reason: String) -> Error {
    Error::Protocol { reason }
}
