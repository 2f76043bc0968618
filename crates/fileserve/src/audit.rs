//! The account of a server in a file: one line of JSON for each decision.
//!
//! [`AuditFile`] is a [`Sink`] of the server, and not a subscriber of `tracing`: where an account
//! [must be kept](AuditFile::required), the server has to learn that a line could not be written
//! before it serves what the line is about, and a subscriber has no way to say so. A program that is
//! content with events has them from `tracing` as well ([`ipc_core::audit`]). `docs/audit.md` has
//! every line.
//!
//! Names that clients chose are escaped, so that none ends a line or begins another.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use ipc_core::audit::{Event, Sink};
use ipc_core::{Endpoint, ErrorKind, Failure};
use parking_lot::{Mutex, MutexGuard};

use crate::platform;

mod line;
mod log;

use log::Log;

/// Appends what a server decides to a file.
///
/// Each line is one write, and stands there whole or not at all. What could not be written is said
/// once, counted, and made up for by a line that says how many are missing.
///
/// # Blocking
/// Lines are written by the threads that decide. Where the account must be kept, they wait for a
/// disk that stalls. Otherwise one of them does, the others go on after a second, and what they would
/// have written counts as missing.
pub struct AuditFile {
    path: PathBuf,
    is_required: bool,
    tell: Box<Tell>,
    log: Mutex<Log>,
    /// How many lines are missing behind the last that was written.
    missing: AtomicU64,
    /// Set while lines cannot be written, so that it is said once.
    in_trouble: AtomicBool,
    /// Set while a thread waits for the disk, so that others do not.
    is_stalled: AtomicBool,
}

type Tell = dyn Fn(&str) + Send + Sync;

impl AuditFile {
    /// Opens `path` for appending; makes it, for this user alone, if it is not there. Only a regular
    /// file will do that nobody else can change. A new one is given to the user `owner`, whom the
    /// server is going to be.
    ///
    /// # Errors
    /// What the system said, or why such a file will not do.
    ///
    /// # Platform differences
    /// On Windows a new file has the permissions that its directory gives it, and nothing else is
    /// looked at than that it is a file.
    pub fn open(path: &Path, owner: Option<&str>) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let log = Log::new(platform::open_log(&path, owner)?)?;
        Ok(Self {
            path,
            is_required: false,
            tell: Box::new(|_| ()),
            log: Mutex::new(log),
            missing: AtomicU64::new(0),
            in_trouble: AtomicBool::new(false),
            is_stalled: AtomicBool::new(false),
        })
    }

    /// Sets whether what cannot be written is not done either: clients are refused until it can be.
    /// Default: it is done, and counted.
    #[must_use]
    pub fn required(mut self, is_required: bool) -> Self {
        self.is_required = is_required;
        self
    }

    /// Has `tell` called with a sentence when lines cannot be written, and when they can be again.
    /// Default: nobody is told.
    #[must_use]
    pub fn on_trouble(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.tell = Box::new(tell);
        self
    }

    /// Whether what cannot be written is not done either.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.is_required
    }

    /// Where it is, by an absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory in which it makes a file when the first was renamed, if this process may: a fence
    /// around it must leave it that.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.path.parent().filter(|directory| platform::can_make_files_in(directory))
    }

    /// Writes the line with which the account of a server at `endpoint` begins: connections are
    /// counted from here.
    ///
    /// # Errors
    /// What the system said, if the account must be kept.
    pub fn begin(&self, endpoint: &Endpoint) -> Result<(), Failure> {
        self.keep(&line::of_begin(endpoint, SystemTime::now()))
    }

    /// Goes on in whatever file has the name now, after the old one was renamed. No line is lost or
    /// written twice.
    ///
    /// # Errors
    /// As [`open`](Self::open); then it goes on in the old file.
    pub fn reopen(&self) -> io::Result<()> {
        let new = Log::new(platform::open_log(&self.path, None)?)?;
        let stalled = || io::Error::new(io::ErrorKind::TimedOut, "its disk stalls");
        self.log.try_lock_for(PATIENCE).ok_or_else(stalled)?.replace_by(new)
    }

    /// Says how many lines are missing at the end, there if it can be, and returns it.
    pub fn finish(&self) -> u64 {
        let missing = self.missing.load(Ordering::SeqCst);
        if missing > 0 && self.write("").is_ok() { 0 } else { missing }
    }

    fn keep(&self, line: &str) -> Result<(), Failure> {
        let Err(why) = self.write(line) else { return Ok(()) };
        self.missing.fetch_add(1, Ordering::SeqCst);
        if !self.in_trouble.swap(true, Ordering::SeqCst) {
            let then = if self.is_required { REFUSES } else { GOES_ON };
            (self.tell)(&format!("cannot write `{}`: {why}; {then}", self.path.display()));
        }
        if self.is_required {
            return Err(Failure::new(ErrorKind::Busy, NOT_SERVED));
        }
        Ok(())
    }

    /// Writes how many are missing, and `line`.
    fn write(&self, line: &str) -> io::Result<()> {
        let mut log = self.lock().ok_or_else(|| io::Error::other("its disk stalls"))?;
        let missing = self.missing.swap(0, Ordering::SeqCst);
        let appended = match missing {
            0 => log.append(line),
            // Both or none: else what a full disk has room for were lines about missing lines.
            _ => log.append(&(line::of_lost(missing, SystemTime::now()) + line)),
        };
        if appended.is_err() {
            self.missing.fetch_add(missing, Ordering::SeqCst);
            return appended;
        }
        self.is_stalled.store(false, Ordering::SeqCst);
        let is_whole = self.missing.load(Ordering::SeqCst) == 0;
        if is_whole && self.in_trouble.swap(false, Ordering::SeqCst) {
            let path = self.path.display();
            (self.tell)(&format!("`{path}` is written again; {missing} lines are missing"));
        }
        Ok(())
    }

    /// The file, in this thread's hands; `None` if it need not be waited for and another waits.
    fn lock(&self) -> Option<MutexGuard<'_, Log>> {
        if self.is_required {
            return Some(self.log.lock());
        }
        let stalled = self.is_stalled.load(Ordering::SeqCst);
        let patience = if stalled { Duration::ZERO } else { PATIENCE };
        let log = self.log.try_lock_for(patience);
        self.is_stalled.store(log.is_none(), Ordering::SeqCst);
        log
    }
}

impl Sink for AuditFile {
    fn write(&self, event: &Event<'_>) -> Result<(), Failure> {
        self.keep(&line::of_event(event, SystemTime::now()))
    }
}

impl fmt::Debug for AuditFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditFile")
            .field("path", &self.path)
            .field("is_required", &self.is_required)
            .finish_non_exhaustive()
    }
}

/// How long a disk may take before it counts as stalled.
const PATIENCE: Duration = Duration::from_secs(1);

const REFUSES: &str = "nobody is served until it can be written again";
const GOES_ON: &str = "what happens until it can be written again is not recorded";
const NOT_SERVED: &str =
    "this server cannot record what it serves, and serves nothing until it can";

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "files of the test's own")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn t59_a_disk_that_stalls_holds_up_one_thread_and_the_others_count_what_is_missing() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("account");
        let file = AuditFile::open(&path, None).expect("opens");
        let stalled = file.log.lock(); // by whoever waits for the disk
        for line in ["one\n", "two\n", "three\n"] {
            file.keep(line).expect("it need not be kept");
        }
        drop(stalled);
        file.keep("four\n").expect("written");
        let text = fs::read_to_string(&path).expect("text");
        let (lost, four) = text.split_once('\n').expect("two lines");
        assert!(lost.ends_with(r#""event":"lost","lines":3}"#), "{lost}");
        assert_eq!(four, "four\n");
        assert_eq!(file.finish(), 0);
    }

    #[test]
    fn t59_an_account_that_must_be_kept_waits_for_its_disk() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("account");
        let file = AuditFile::open(&path, None).expect("opens").required(true);
        let stalled = file.log.lock();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| file.keep("one\n"));
            assert!(!waiting.is_finished());
            drop(stalled);
            waiting.join().expect("no panic").expect("written");
        });
        assert_eq!(fs::read_to_string(&path).expect("text"), "one\n");
    }
}
