//! The ring of the calling thread: made when it is first needed, closed when the thread ends.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::sys::ring::{Registration, ThreadRing};

#[derive(Debug, Default)]
struct OwnRing {
    ring: Option<Rc<ThreadRing>>,
    resting: Option<Rest>,
}

/// Something failed: until then nothing is made and nothing registered, so that each open by the
/// thread costs no failure as well.
#[derive(Debug)]
struct Rest {
    until: Instant,
    why: (io::ErrorKind, String),
}

thread_local! {
    static OWN: RefCell<OwnRing> = RefCell::default();
}

/// This thread's ring.
pub(super) fn get() -> io::Result<Rc<ThreadRing>> {
    with_own(|own| {
        if let Some(ring) = own.ring.as_ref().filter(|ring| ring.is_usable()) {
            return Ok(Rc::clone(ring));
        }
        own.ring = None;
        own.check_rest()?;
        let made = ThreadRing::new().inspect_err(|why| own.rest(why))?;
        Ok(Rc::clone(own.ring.insert(Rc::new(made))))
    })
}

/// Registers whom this thread is right now, on its `ring`.
pub(super) fn register(ring: &ThreadRing) -> io::Result<Registration> {
    with_own(OwnRing::check_rest)?;
    ring.register()
}

/// Begins a rest, unless this thread has one; and says so. Not while it acts as a peer.
pub(super) fn rest(why: &io::Error) {
    // Without its thread's variables there is no ring to rest.
    let _ = with_own(|own| {
        own.rest(why);
        Ok(())
    });
}

fn with_own<T>(work: impl FnOnce(&mut OwnRing) -> io::Result<T>) -> io::Result<T> {
    let ending = |_| Err(io::Error::other("this thread is ending"));
    OWN.try_with(|own| work(&mut own.borrow_mut())).unwrap_or_else(ending)
}

impl OwnRing {
    fn rest(&mut self, why: &io::Error) {
        if self.check_rest().is_ok() {
            tracing::warn!(
                reason = %why,
                "no requests to open files can be made; this thread becomes the peer for each, for now"
            );
            let until = Instant::now() + A_WHILE;
            self.resting = Some(Rest { until, why: (why.kind(), why.to_string()) });
        }
    }

    /// The reason of the rest while there is one.
    fn check_rest(&mut self) -> io::Result<()> {
        let Some(Rest { until, why: (kind, text) }) = &self.resting else { return Ok(()) };
        if Instant::now() < *until {
            return Err(io::Error::new(*kind, text.clone()));
        }
        self.resting = None;
        Ok(())
    }
}

/// How long a rest is.
const A_WHILE: Duration = Duration::from_secs(10);
