//! The exit codes: part of the interface, documented in `fileserve --help`.

use ipc_core::ErrorKind;

/// Everything went as asked.
pub(crate) const SUCCESS: u8 = 0;
/// A failure that no other code names.
pub(crate) const FAILURE: u8 = 1;
/// The command line, or a path or endpoint on it, is none.
pub(crate) const USAGE: u8 = 2;
/// There is no such file.
pub(crate) const NOT_FOUND: u8 = 3;
/// The system refuses the file to this user.
pub(crate) const PERMISSION_DENIED: u8 = 4;
/// A directory, a device, a FIFO, a `/proc` file; or no directory where one is needed.
pub(crate) const NOT_REGULAR: u8 = 5;
/// Nobody listens at the endpoint.
pub(crate) const NO_SERVER: u8 = 6;
/// The server's policy does not admit this user.
pub(crate) const REFUSED: u8 = 7;
/// The time given was not enough.
pub(crate) const TIMED_OUT: u8 = 8;
/// The other side does not speak the protocol, or not enough of it.
pub(crate) const PROTOCOL: u8 = 9;
/// The file is not the one whose beginning is already here, or changed while it came.
pub(crate) const CHANGED: u8 = 10;
/// The content ended early.
pub(crate) const INCOMPLETE: u8 = 11;
/// The server, or the place of its endpoint, is not to be trusted.
pub(crate) const NOT_TRUSTED: u8 = 12;
/// Another server has the name.
pub(crate) const IN_USE: u8 = 13;
/// The server may not or cannot act as this user.
pub(crate) const CANNOT_ACT: u8 = 14;
/// The path leads out of what the server serves.
pub(crate) const OUTSIDE_ROOT: u8 = 15;

/// The exit code for a failure of `kind`.
pub(crate) fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::InvalidInput => USAGE,
        ErrorKind::NotFound => NOT_FOUND,
        ErrorKind::PermissionDenied => PERMISSION_DENIED,
        ErrorKind::IsADirectory | ErrorKind::NotADirectory | ErrorKind::NotRegular => NOT_REGULAR,
        ErrorKind::NoServer => NO_SERVER,
        ErrorKind::Refused => REFUSED,
        ErrorKind::OutsideRoot => OUTSIDE_ROOT,
        ErrorKind::TimedOut => TIMED_OUT,
        ErrorKind::Protocol
        | ErrorKind::Version
        | ErrorKind::Unsupported
        | ErrorKind::LimitExceeded => PROTOCOL,
        ErrorKind::Changed => CHANGED,
        ErrorKind::Truncated | ErrorKind::Disconnected | ErrorKind::Draining => INCOMPLETE,
        ErrorKind::NotTrusted => NOT_TRUSTED,
        ErrorKind::InUse => IN_USE,
        ErrorKind::LevelTooLow
        | ErrorKind::NotPrivileged
        | ErrorKind::IdentityRefused
        | ErrorKind::IdentityUnknown
        | ErrorKind::Sandboxed => CANNOT_ACT,
        _ => FAILURE,
    }
}

/// What may help a client that has granted its server too little.
pub(crate) const GRANT_MORE: &str = "`--level impersonation`, the default, lets this server act as you; \
    `--level identification` lets it know who you are";

/// What tells more where a server refuses a file.
pub(crate) const WHY: &str =
    "`fileserve explain ENDPOINT PATH` says at which name on the way, and by which rule";

/// What may help after a failure with exit code `code`, where something general can be said.
pub(crate) fn hint(code: u8) -> Option<&'static str> {
    match code {
        NO_SERVER => Some(
            "start one with `fileserve serve ENDPOINT --root DIR`, or see where it was looked for \
                  by `fileserve explain ENDPOINT`",
        ),
        REFUSED => Some(
            "the server's operator decides who may connect, with `--allow` and `--deny` of `serve`",
        ),
        CHANGED => Some("run it again without `--resume` to start again"),
        CANNOT_ACT => {
            Some("`fileserve explain ENDPOINT` says what keeps the server from acting as you")
        }
        IN_USE => Some("stop that server, or serve under another name"),
        _ => None,
    }
}
