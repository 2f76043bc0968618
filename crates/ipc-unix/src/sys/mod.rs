//! Every system call of this crate, each behind a safe function: no `unsafe` and no choice between
//! systems stands outside this folder.
//!
//! What a system must provide: sockets ([`socket`]), waiting for one of them ([`poll`]), a latch
//! that ends such a wait ([`latch`]), directories and names in them ([`directory`]), the peer's
//! credentials ([`credentials`]) and process ([`process`]), names below a directory ([`files`]),
//! looking at files before opening them ([`handle`]); and, where it can, watching many sockets at
//! once ([`poller`]), sending files ([`sendfile`]), an identity of each thread's own
//! ([`thread_identity`]), opening with registered credentials ([`ring`]), giving up every other
//! right ([`privileges`]), and a fence around the process ([`fence`]) with another one outside of it
//! ([`helper`]).
//!
//! What differs much has a twin in `linux/` and in `bsd/` (macOS and the BSDs), with the same
//! functions; one that a system cannot offer answers [`std::io::ErrorKind::Unsupported`].

pub(crate) mod accounts;
pub(crate) mod directory;
pub(crate) mod latch;
pub(crate) mod look;
#[cfg(test)]
pub(crate) mod misuse;
pub(crate) mod poll;
pub(crate) mod poller;
pub(crate) mod received;
pub(crate) mod ring;
pub(crate) mod sendfile;
#[cfg(target_os = "linux")]
mod signal;
pub(crate) mod socket;
pub(crate) mod status;
pub(crate) mod walk;

#[cfg_attr(target_os = "linux", path = "linux/credentials.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/credentials.rs")]
pub(crate) mod credentials;
#[cfg_attr(target_os = "linux", path = "linux/fence.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/fence.rs")]
pub(crate) mod fence;
#[cfg_attr(target_os = "linux", path = "linux/files.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/files.rs")]
pub(crate) mod files;
#[cfg_attr(target_os = "linux", path = "linux/handle.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/handle.rs")]
pub(crate) mod handle;
#[cfg_attr(target_os = "linux", path = "linux/helper.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/helper.rs")]
pub(crate) mod helper;
#[cfg_attr(target_os = "linux", path = "linux/privileges.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/privileges.rs")]
pub(crate) mod privileges;
#[cfg_attr(target_os = "linux", path = "linux/process.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/process.rs")]
pub(crate) mod process;
#[cfg_attr(target_os = "linux", path = "linux/thread_identity.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/thread_identity.rs")]
pub(crate) mod thread_identity;
#[cfg_attr(target_os = "linux", path = "linux/uninvited.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/uninvited.rs")]
pub(crate) mod uninvited;

pub(crate) use rustix::io::{Errno, Result};

/// Repeats `call` for as long as a signal interrupts it.
pub(crate) use rustix::io::retry_on_intr;

/// Who a process is: its effective ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Its process id; `None` for one that this process's pid namespace does not number.
    pub(crate) pid: Option<u32>,
}

/// The namespaces that decide what a process's user id and paths mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamespaceKind {
    /// What its ids mean.
    User,
    /// What its paths mean.
    Mount,
}
