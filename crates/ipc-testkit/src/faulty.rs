//! Transports that are broken on purpose, to see that the suite notices; and one that is only
//! unusual, to see that it does not cry wolf.

use std::collections::HashMap;
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ipc_core::transport::Messages;
use ipc_core::{
    BindOptions, ConnectOptions, Connection, Deadline, Endpoint, Error, Listener, Operation,
    Result, Transport,
};

use crate::wrapper::{Twist, Wrapper};

mod acting;
mod reporting;
mod waking;

pub use acting::{acting_as_itself, acting_fails_at_random};

/// What a transport does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Each end loses the 200,000th byte that it reads.
    LosesAByte,
    /// Binding takes the name away from the listener that has it.
    TakesOverALiveName,
    /// At the end of the stream, reading tells that nothing has come yet.
    ForgetsTheEnd,
    /// Messages that wait together are received as one.
    MergesMessages,
    /// A read with a deadline times out before it.
    LiesAboutDeadlines,
    /// Cancelling a connection ends what begins later, and nothing that waits already.
    CancelsWithoutWaking,
    /// A connect that waits does not notice that its token is cancelled.
    ConnectsDeafToItsToken,
    /// Closing a listener wakes one acceptor only.
    ClosesWithoutWakingAll,
    /// A wake ends every wait that is under way.
    WakesAll,
    /// An armed listener is reported twice.
    ReportsTheListenerTwice,
    /// What a peer wrote is lost if it finished, or began to close, before it was accepted.
    LosesWhatCameBeforeTheAccept,
    /// A connection is not reported once the thread that parked it has ended.
    UnparksWithTheThread,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 12] = [
        Self::LosesAByte,
        Self::TakesOverALiveName,
        Self::ForgetsTheEnd,
        Self::MergesMessages,
        Self::LiesAboutDeadlines,
        Self::CancelsWithoutWaking,
        Self::ConnectsDeafToItsToken,
        Self::ClosesWithoutWakingAll,
        Self::WakesAll,
        Self::ReportsTheListenerTwice,
        Self::LosesWhatCameBeforeTheAccept,
        Self::UnparksWithTheThread,
    ];

    /// `transport`, with this fault.
    #[must_use]
    pub fn in_transport(self, transport: impl Transport + 'static) -> Arc<dyn Transport> {
        fn wrap(inner: Arc<dyn Transport>, twist: impl Twist) -> Arc<dyn Transport> {
            Arc::new(Wrapper::new(inner, twist))
        }
        let inner = Arc::new(transport);
        match self {
            Self::LosesAByte => wrap(inner, LosesAByte::default()),
            Self::TakesOverALiveName => wrap(inner, TakesOver::default()),
            Self::ForgetsTheEnd => wrap(inner, ForgetsTheEnd),
            Self::MergesMessages => wrap(inner, MergesMessages),
            Self::LiesAboutDeadlines => wrap(inner, LiesAboutDeadlines),
            Self::CancelsWithoutWaking => wrap(inner, waking::CancelsWithoutWaking::default()),
            Self::ConnectsDeafToItsToken => wrap(inner, waking::ConnectsDeafToItsToken),
            Self::ClosesWithoutWakingAll => wrap(inner, waking::ClosesWithoutWakingAll::default()),
            Self::WakesAll => wrap(inner, reporting::WakesAll),
            Self::ReportsTheListenerTwice => wrap(inner, reporting::ReportsTheListenerTwice),
            Self::LosesWhatCameBeforeTheAccept => {
                wrap(inner, LosesWhatCameBeforeTheAccept::default())
            }
            Self::UnparksWithTheThread => wrap(inner, reporting::UnparksWithTheThread::default()),
        }
    }
}

/// `transport`, reading and writing a single byte at a time: unusual, and right.
#[must_use]
pub fn one_byte_at_a_time(transport: impl Transport + 'static) -> impl Transport + 'static {
    Wrapper::new(Arc::new(transport), OneByteAtATime)
}

#[derive(Clone, Debug)]
struct OneByteAtATime;

impl Twist for OneByteAtATime {
    fn read(&self, inner: &dyn Connection, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        let length = buffer.len().min(1);
        inner.read(&mut buffer[..length], deadline)
    }

    fn write_vectored(
        &self,
        inner: &dyn Connection,
        parts: &[IoSlice<'_>],
        deadline: Deadline,
    ) -> Result<usize> {
        let first = parts.iter().find(|part| !part.is_empty()).map_or(&[][..], |part| &part[..1]);
        inner.write_vectored(&[IoSlice::new(first)], deadline)
    }
}

#[derive(Clone, Debug, Default)]
struct LosesAByte {
    read: Arc<AtomicUsize>,
}

impl LosesAByte {
    const LOST: usize = 200_000;
}

impl Twist for LosesAByte {
    fn for_connection(&self) -> Self {
        Self::default()
    }

    fn read(&self, inner: &dyn Connection, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        let count = inner.read(buffer, deadline)?;
        let before = self.read.fetch_add(count, Ordering::Relaxed);
        if !(before..before + count).contains(&Self::LOST) {
            return Ok(count);
        }
        buffer.copy_within(Self::LOST - before + 1..count, Self::LOST - before);
        if count == 1 { self.read(inner, buffer, deadline) } else { Ok(count - 1) }
    }
}

/// Every listener is bound at a name of its own; which one a client reaches is decided here.
#[derive(Clone, Debug, Default)]
struct TakesOver {
    generations: Arc<Mutex<HashMap<Endpoint, usize>>>,
}

impl TakesOver {
    fn real_name(at: &Endpoint, generation: usize) -> Result<Endpoint> {
        format!("{at}-{generation}").parse()
    }
}

impl Twist for TakesOver {
    fn bind(
        &self,
        inner: &dyn Transport,
        at: &Endpoint,
        options: &BindOptions,
    ) -> Result<Box<dyn Listener>> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = generations.get(at).map_or(0, |last| last + 1);
        let listener = inner.bind(&Self::real_name(at, generation)?, options)?;
        generations.insert(at.clone(), generation);
        Ok(listener)
    }

    fn connect(
        &self,
        inner: &dyn Transport,
        to: &Endpoint,
        options: &ConnectOptions,
    ) -> Result<Box<dyn Connection>> {
        let last = self.generations.lock().unwrap_or_else(PoisonError::into_inner).get(to).copied();
        inner.connect(&Self::real_name(to, last.unwrap_or(0))?, options)
    }
}

#[derive(Clone, Debug)]
struct ForgetsTheEnd;

impl Twist for ForgetsTheEnd {
    fn read(&self, inner: &dyn Connection, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        match inner.read(buffer, deadline)? {
            0 if !buffer.is_empty() => Err(Error::TimedOut { operation: Operation::Read }),
            count => Ok(count),
        }
    }

    fn receive(
        &self,
        inner: &dyn Messages,
        buffer: &mut Vec<u8>,
        max: usize,
        deadline: Deadline,
    ) -> Result<bool> {
        match inner.receive(buffer, max, deadline)? {
            false => Err(Error::TimedOut { operation: Operation::Message }),
            true => Ok(true),
        }
    }
}

#[derive(Clone, Debug)]
struct MergesMessages;

impl Twist for MergesMessages {
    fn receive(
        &self,
        inner: &dyn Messages,
        buffer: &mut Vec<u8>,
        max: usize,
        deadline: Deadline,
    ) -> Result<bool> {
        let more = inner.receive(buffer, max, deadline)?;
        let mut next = Vec::new();
        if more && matches!(inner.receive(&mut next, max, Deadline::NOW), Ok(true)) {
            buffer.append(&mut next);
        }
        Ok(more)
    }
}

#[derive(Clone, Debug)]
struct LiesAboutDeadlines;

impl LiesAboutDeadlines {
    fn instead_of(deadline: Deadline) -> Deadline {
        if deadline.is_never() { deadline } else { Deadline::NOW }
    }
}

impl Twist for LiesAboutDeadlines {
    fn read(&self, inner: &dyn Connection, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        inner.read(buffer, Self::instead_of(deadline))
    }

    fn receive(
        &self,
        inner: &dyn Messages,
        buffer: &mut Vec<u8>,
        max: usize,
        deadline: Deadline,
    ) -> Result<bool> {
        inner.receive(buffer, max, Self::instead_of(deadline))
    }
}

#[derive(Clone, Debug, Default)]
struct LosesWhatCameBeforeTheAccept {
    /// Whether an end has finished since the last connect.
    finished: Arc<AtomicBool>,
    lost: bool,
}

impl Twist for LosesWhatCameBeforeTheAccept {
    fn for_connection(&self) -> Self {
        let lost = self.finished.swap(false, Ordering::SeqCst);
        Self { finished: Arc::clone(&self.finished), lost }
    }

    fn connect(
        &self,
        inner: &dyn Transport,
        to: &Endpoint,
        options: &ConnectOptions,
    ) -> Result<Box<dyn Connection>> {
        self.finished.store(false, Ordering::SeqCst);
        inner.connect(to, options)
    }

    fn finish_writing(&self, inner: &dyn Connection) -> Result<()> {
        self.finished.store(true, Ordering::SeqCst);
        inner.finish_writing()
    }

    fn close(&self, inner: &dyn Connection, deadline: Deadline) -> Result<()> {
        self.finished.store(true, Ordering::SeqCst);
        inner.close(deadline)
    }

    fn read(&self, inner: &dyn Connection, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        if self.lost { Ok(0) } else { inner.read(buffer, deadline) }
    }

    fn receive(
        &self,
        inner: &dyn Messages,
        buffer: &mut Vec<u8>,
        max: usize,
        deadline: Deadline,
    ) -> Result<bool> {
        if !self.lost {
            return inner.receive(buffer, max, deadline);
        }
        buffer.clear();
        Ok(false)
    }
}
