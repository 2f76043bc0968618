//! The start-up self-test: does this system tell a client's token from the server's?

use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::windows::io::AsHandle;
use std::sync::OnceLock;
use std::{io, thread};

use windows_sys::Win32::Foundation::ERROR_CANNOT_IMPERSONATE;

use crate::sys::plain_pipe::{self, Instance};
use crate::sys::security::Descriptor;
use crate::sys::{is, token};

/// `true` if a server gets no token where there is no client. Found out on a thread that ends with
/// whatever it was given, and once: what merely failed is tried again the next time. Wine, as it is
/// released, gives the server's own.
pub(super) fn passed() -> bool {
    static PASSED: OnceLock<bool> = OnceLock::new();
    match PASSED.get() {
        Some(passed) => *passed,
        None => nobody_has_no_token().is_ok_and(|passed| *PASSED.get_or_init(|| passed)),
    }
}

fn nobody_has_no_token() -> io::Result<bool> {
    let tried = thread::Builder::new().name("ipc self-test".to_owned()).spawn(|| {
        // Whoever could foresee the name could take it, and keep this process from acting as anybody.
        let unforeseen = RandomState::new().build_hasher().finish();
        let name = format!(r"\\.\pipe\ipc-self-test-{}-{unforeseen:x}", std::process::id());
        let nobody = Descriptor::from_sddl("D:P")?;
        let pipe = plain_pipe::make(&name, &nobody, Instance::First)?;
        token::impersonate_client(pipe.as_handle())
    })?;
    match tried.join().map_err(|_| io::Error::other("the thread panicked"))? {
        Ok(()) => Ok(false),
        Err(error) if is(&error, ERROR_CANNOT_IMPERSONATE) => Ok(true),
        Err(error) => Err(error),
    }
}
