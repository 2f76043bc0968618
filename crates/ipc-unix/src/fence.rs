//! A fence around this process: what no mistake in it can open, whoever it acts as.

use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ipc_core::{Endpoint, Error};

use crate::address::Address;
use crate::outside;
use crate::sys::{accounts, directory, fence, privileges, process, thread_identity};

/// What this process may still reach once it is fenced in: nothing but what is named here.
///
/// The kernel refuses the rest to every thread, also while it acts as a peer and whichever user that
/// is, also root: to open for reading or writing, to make, remove and rename, to start programs, and
/// as far as it knows of them the network, devices, signals to other processes and the abstract
/// sockets of others. What is open already stays open. Source: landlock(7).
///
/// # Who is calling stays known
/// A process in a fence is told nothing of processes outside of it, so it could not tell a sandboxed
/// client from another. Therefore a second process is started before: a copy of this one that is
/// outside, answers that question and no other, and ends with this one. It has this process's user and
/// rights, and whoever takes over this process has not taken over that one.
///
/// # Platform differences
/// Linux 5.13 and later, unless the kernel was built or started without Landlock. Elsewhere
/// [`raise`](Self::raise) answers [`io::ErrorKind::Unsupported`].
///
/// # Examples
/// ```no_run
/// use ipc_core::{BindOptions, Transport};
/// use ipc_unix::{Fence, UnixTransport};
///
/// let endpoint = "unix:/run/files/socket".parse()?;
/// let listener = UnixTransport::new().bind(&endpoint, &BindOptions::new())?;
/// let fence = Fence::new().read_below("/srv/files".as_ref())?.free_name_of(&endpoint)?;
/// println!("fenced in by {}", fence.raise()?);
/// // Now the threads that serve may be started.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "nothing is fenced in before `raise`"]
pub struct Fence {
    rules: Vec<Rule>,
}

/// One place, and what may be done there.
#[derive(Debug)]
struct Rule {
    place: OwnedFd,
    allowed: Allowed,
}

/// What may be done in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// This one file may be read.
    ReadFile,
    /// What lies below may be read and listed.
    Read,
    /// Files below may be removed.
    Remove,
    /// Files below may be made and written, and not read.
    Append,
}

impl Fence {
    /// A fence within which there is nothing but the list of users and groups, so that names of
    /// accounts can be shown as they are now.
    pub fn new() -> Self {
        let known = ACCOUNTS.iter().filter_map(|path| rule(path.as_ref(), Allowed::ReadFile).ok());
        Self { rules: known.collect() }
    }

    /// Lets what lies below `directory` be read and listed.
    ///
    /// # Errors
    /// What the system said: it must be there.
    pub fn read_below(self, directory: &Path) -> io::Result<Self> {
        self.with(directory, Allowed::Read)
    }

    /// Lets files below `directory` be made and written, but not read, emptied or removed: for a
    /// log.
    ///
    /// # Errors
    /// What the system said: it must be there.
    pub fn append_below(self, directory: &Path) -> io::Result<Self> {
        self.with(directory, Allowed::Append)
    }

    /// Lets files be removed below the directory in which the socket of `endpoint` lies, as it and
    /// its lock are when the listener ends. It must be bound already. An abstract name needs
    /// nothing.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if it is no endpoint of sockets, or what the system said.
    pub fn free_name_of(self, endpoint: &Endpoint) -> io::Result<Self> {
        let refuse = |error: Error| io::Error::new(io::ErrorKind::InvalidInput, error.chain());
        match Address::to_bind(endpoint).map_err(refuse)? {
            Address::Abstract(_) => Ok(self),
            Address::Path(socket) => {
                self.with(socket.parent().unwrap_or(Path::new("/")), Allowed::Remove)
            }
        }
    }

    /// Fences this process in, for good, and tells by what.
    ///
    /// To be called when everything is open that is needed, by a process that is still one thread:
    /// only threads that are started afterwards are fenced in. It can gain no privileges by starting
    /// programs then (`no_new_privs`).
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] where the system has no such fence, or there are other
    /// threads: nothing has changed then. Any other: the process may be fenced in, and should end.
    ///
    /// # Blocking
    /// May ask a network for an account, so that what that takes is loaded.
    pub fn raise(self) -> io::Result<InForce> {
        be_one_thread()?;
        let rules = self.rules.iter().map(|rule| (rule.place.as_fd(), rule.allowed));
        let prepared = fence::prepare(rules)?;
        load_what_is_needed_later();
        outside::start()?;
        prepared.raise().map(|version| InForce { version })
    }

    fn with(mut self, place: &Path, allowed: Allowed) -> io::Result<Self> {
        self.rules.push(rule(place, allowed)?);
        Ok(self)
    }
}

fn rule(path: &Path, allowed: Allowed) -> io::Result<Rule> {
    Ok(Rule { place: fence::place(path)?, allowed })
}

/// Other threads would stay outside. One that was joined may still be there for a moment.
fn be_one_thread() -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        match privileges::count_threads()? {
            1 => return Ok(()),
            _ if Instant::now() < until => thread::sleep(PAUSE),
            count => {
                let text = format!(
                    "this process has {count} threads already, and the others would stay outside"
                );
                return Err(io::Error::new(io::ErrorKind::Unsupported, text));
            }
        }
    }
}

/// What later would be looked for outside: the modules of the account database, and what does not
/// change as long as the process lives.
fn load_what_is_needed_later() {
    let (uid, _) = directory::own_ids();
    // Its answer does not matter: there need not be an account.
    let _ = accounts::account(uid);
    thread_identity::overflow_ids();
    process::own_label();
}

/// A fence that stands, by what keeps it; written as the version of Landlock and, of an old one,
/// what it does not keep from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    version: u32,
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Landlock {}", self.version)?;
        let missing = LATER.iter().filter(|(since, _)| *since > self.version);
        let missing: Vec<&str> = missing.map(|(_, what)| *what).collect();
        match missing.is_empty() {
            true => Ok(()),
            false => write!(f, ", which does not keep from {}", missing.join(", ")),
        }
    }
}

/// Since which version what is kept from. Source: landlock(7).
const LATER: [(u32, &str); 5] = [
    (3, "truncating files"),
    (4, "TCP"),
    (5, "controlling devices"),
    (6, "signals"),
    (6, "abstract sockets"),
];

/// What the C library reads of users and groups. Source: nsswitch.conf(5), passwd(5), group(5).
const ACCOUNTS: [&str; 3] = ["/etc/nsswitch.conf", "/etc/passwd", "/etc/group"];

const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
