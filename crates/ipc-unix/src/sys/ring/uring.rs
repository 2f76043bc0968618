//! Requests to open files, each decided by the kernel with credentials that were registered before.
//! Source: io_uring_setup(2), io_uring_enter(2), io_uring_register(2).
//!
//! * A ring is its thread's: no other puts requests on it. It closes when the thread ends, and all
//!   that was registered on it goes with it.
//! * It takes requests to open and nothing else, whoever comes by its descriptor.
//! * There is at most one request at a time, and nobody leaves before it has ended: its descriptor
//!   always finds an owner.
#![allow(unsafe_code, reason = "the queues of a ring are memory shared with the kernel")]

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::num::NonZeroU16;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::{fmt, io, mem, thread};

use io_uring::register::Restriction;
use io_uring::{IoUring, opcode, types};
use ipc_core::files::{Metadata, RelativePath, ResolveRules};
use rustix::event::{PollFd, PollFlags, poll};

use crate::sys::files::{Resolution, repeat};
use crate::sys::walk::Wanted;
use crate::sys::{Errno, Result, status};

mod this_process;

/// The calling thread's ring.
#[derive(Debug)]
pub(crate) struct ThreadRing {
    ring: Arc<Ring>,
    /// A request lies in its queue that the kernel has not taken, and must never take: what it
    /// points to is gone.
    is_broken: Cell<bool>,
    /// Neither `Send` nor `Sync`: the queues have one user.
    this_thread_only: PhantomData<*mut ()>,
}

/// Credentials that a ring keeps under a number, for as long as this lives and the ring does.
#[derive(Debug)]
pub(crate) struct Registration {
    id: NonZeroU16,
    /// Not the thread's claim on it: a ring ends with its thread, whoever registered there.
    ring: Weak<Ring>,
}

struct Ring {
    /// `None` only while it is dropped.
    uring: Option<IoUring>,
    /// The process that made it. One that was forked off has the same ring under the same numbers,
    /// and must touch neither.
    process: u32,
}

impl ThreadRing {
    /// Makes a ring for this thread.
    pub(crate) fn new() -> io::Result<Self> {
        let uring = IoUring::builder().dontfork().setup_r_disabled().build(1)?;
        if !uring.params().is_feature_submit_stable() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "this system's is too old"));
        }
        let ring = Ring { uring: Some(uring), process: this_process::id() };
        // Registering counts as a use, so the two calls for it must be named too.
        ring.uring().submitter().register_restrictions(&mut [
            Restriction::sqe_op(opcode::OpenAt2::CODE),
            Restriction::register_op(REGISTER_PERSONALITY),
            Restriction::register_op(UNREGISTER_PERSONALITY),
        ])?;
        ring.uring().submitter().register_enable_rings()?;
        let (is_broken, this_thread_only) = (Cell::new(false), PhantomData);
        Ok(Self { ring: Arc::new(ring), is_broken, this_thread_only })
    }

    /// `false` if it takes no more requests: one went wrong, or this is a process that was forked
    /// off from the ring's.
    pub(crate) fn is_usable(&self) -> bool {
        !self.is_broken.get() && self.ring.is_of_this_process()
    }

    /// Registers the credentials that this thread has right now.
    ///
    /// # Errors
    /// `EBUSY`: the ring keeps as many as it can number.
    pub(crate) fn register(&self) -> io::Result<Registration> {
        let id = self.ring.uring().submitter().register_personality()?;
        let id = NonZeroU16::new(id).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Registration { id, ring: Arc::downgrade(&self.ring) })
    }

    /// `true` if that was registered here.
    pub(crate) fn has(&self, registration: &Registration) -> bool {
        Weak::as_ptr(&registration.ring) == Arc::as_ptr(&self.ring)
    }

    /// Opens what `path` names below `root` with the registered credentials; the inner result is
    /// the kernel's answer to that.
    ///
    /// # Errors
    /// Nothing was opened, and whether it may be was not decided.
    pub(crate) fn open_below(
        &self,
        by: &Registration,
        root: BorrowedFd<'_>,
        path: &RelativePath,
        wanted: Wanted,
        rules: ResolveRules,
    ) -> io::Result<Result<OwnedFd>> {
        self.open(by, root, &Resolution::to_open(path, wanted, rules))
    }

    /// The metadata of what `path` names below `root`; a link stands for itself.
    ///
    /// # Errors
    /// As [`open_below`](Self::open_below).
    pub(crate) fn stat_below(
        &self,
        by: &Registration,
        root: BorrowedFd<'_>,
        path: &RelativePath,
        rules: ResolveRules,
    ) -> io::Result<Result<Metadata>> {
        // `statx` could be asked for too, and would follow a link out of the root.
        let found = self.open(by, root, &Resolution::to_look(path, rules))?;
        Ok(found.and_then(|found| status::metadata(found.as_fd())))
    }

    fn open(
        &self,
        by: &Registration,
        root: BorrowedFd<'_>,
        resolution: &Resolution<'_>,
    ) -> io::Result<Result<OwnedFd>> {
        if !self.has(by) || !self.is_usable() {
            // Under that number another ring may know somebody else.
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let name = CString::new(resolution.name)?;
        let how = types::OpenHow::new()
            .flags(resolution.flags.bits().into())
            .resolve(resolution.resolve.bits());
        let answer = |outcome: &io::Result<Result<OwnedFd>>| match outcome {
            Ok(Err(error)) => Some(*error),
            _ => None,
        };
        repeat(|| self.request(by, root, &name, &how), answer)
    }

    /// Puts one request to the kernel and waits until it has ended.
    fn request(
        &self,
        by: &Registration,
        root: BorrowedFd<'_>,
        name: &CStr,
        how: &types::OpenHow,
    ) -> io::Result<Result<OwnedFd>> {
        let request = opcode::OpenAt2::new(types::Fd(root.as_raw_fd()), name.as_ptr(), how)
            .build()
            .personality(by.id.get());
        let uring = self.ring.uring();
        // SAFETY: this thread alone uses the ring's queues (`ThreadRing` is neither `Send` nor
        // `Sync`), and no other `SubmissionQueue` of this function's lives.
        let mut queue = unsafe { uring.submission_shared() };
        // SAFETY: `name` and `how` are borrowed for as long as this function runs. The kernel copies
        // both when it takes the request (`is_feature_submit_stable`), and only this thread's calls
        // give it any to take. This function ends before that only with `is_broken` set, after which
        // there is no such call. `root` is a number to the kernel and is open all the while.
        let pushed = unsafe { queue.push(&request) };
        drop(queue);
        pushed.map_err(io::Error::other)?;
        match self.wait_for_result()? {
            // SAFETY: the kernel has just opened it for this request, so that nobody else has it.
            opened @ 0.. => Ok(Ok(unsafe { OwnedFd::from_raw_fd(opened) })),
            failed => match Errno::from_raw_os_error(-failed) {
                // Not the file's answer: the credentials are not there, or the request was dropped.
                undecided @ (Errno::INVAL | Errno::CANCELED) => Err(undecided.into()),
                refused => Ok(Err(refused)),
            },
        }
    }

    /// The result of the request that was just queued.
    ///
    /// # Errors
    /// The kernel did not take it.
    fn wait_for_result(&self) -> io::Result<i32> {
        let uring = self.ring.uring();
        loop {
            let entered = uring.submit_and_wait(1);
            // SAFETY: this thread alone uses the ring's queues, and no other `CompletionQueue` lives.
            let mut queue = unsafe { uring.completion_shared() };
            if let Some(ended) = queue.next() {
                return Ok(ended.result());
            }
            drop(queue);
            match entered {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.has_queued() => {
                    self.is_broken.set(true);
                    return Err(error);
                }
                // It runs, and waiting for it here has been forbidden meanwhile.
                Err(_) => wait_elsewhere(uring),
            }
        }
    }

    /// `true` if a request lies in the queue that the kernel has not taken.
    fn has_queued(&self) -> bool {
        // SAFETY: this thread alone uses the ring's queues, and no other `SubmissionQueue` lives.
        let queue = unsafe { self.ring.uring().submission_shared() };
        !queue.is_empty()
    }
}

/// Waits until a request has ended, by whatever means are left.
fn wait_elsewhere(uring: &IoUring) {
    if poll(&mut [PollFd::new(uring, PollFlags::IN)], None).is_err() {
        thread::yield_now();
    }
}

impl Registration {
    /// `false` if its ring has closed: nobody can ask by it any more.
    pub(crate) fn is_alive(&self) -> bool {
        self.ring.strong_count() > 0
    }
}

impl Drop for Registration {
    /// From any thread, at any time: the kernel gives the number to nobody else before.
    fn drop(&mut self) {
        let Some(ring) = self.ring.upgrade() else { return };
        if ring.is_of_this_process() {
            // Where this fails the number stays taken, and nobody has it.
            let _ = ring.uring().submitter().unregister_personality(self.id.get());
        }
    }
}

impl Ring {
    fn uring(&self) -> &IoUring {
        self.uring.as_ref().expect("only `drop` takes it")
    }

    fn is_of_this_process(&self) -> bool {
        self.process == this_process::id()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if !self.is_of_this_process() {
            // Its memory was not inherited: something else may lie there.
            mem::forget(self.uring.take());
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("process", &self.process).finish_non_exhaustive()
    }
}

/// Source: Linux `uapi/linux/io_uring.h`.
const REGISTER_PERSONALITY: u8 = 9;
const UNREGISTER_PERSONALITY: u8 = 10;

#[cfg(test)]
mod tests;
