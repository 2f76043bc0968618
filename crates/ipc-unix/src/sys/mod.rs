//! Every system call of this crate, behind safe functions: no `unsafe` and no platform `cfg` stands
//! outside this folder.
//!
//! What differs between systems has a twin in `linux/` and in `bsd/` (macOS and the BSDs), with the
//! same functions; one that a system cannot offer answers [`std::io::ErrorKind::Unsupported`].

pub(crate) mod accounts;
#[cfg(test)]
pub(crate) mod misuse;
pub(crate) mod status;
pub(crate) mod walk;

#[cfg_attr(target_os = "linux", path = "linux/credentials.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/credentials.rs")]
pub(crate) mod credentials;
#[cfg_attr(target_os = "linux", path = "linux/files.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/files.rs")]
pub(crate) mod files;
#[cfg_attr(target_os = "linux", path = "linux/process.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/process.rs")]
pub(crate) mod process;
#[cfg_attr(target_os = "linux", path = "linux/thread_identity.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd/thread_identity.rs")]
pub(crate) mod thread_identity;

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
