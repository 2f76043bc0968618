//! The mode of a socket file: from its first instant, and whatever the umask.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::place;
use ipc_core::{BindOptions, Endpoint, Error, Mode, Transport};
use ipc_testkit::child::{self, Process};
use ipc_unix::UnixTransport;

/// However other threads set the process's umask, the file never has a bit that was not asked for,
/// and in the end has each that was.
#[test]
fn t12_the_mode_is_right_from_the_first_instant_whatever_the_umask() {
    // The umask belongs to the whole process, so this needs one of its own.
    let mut child = Process::start("child_with_changing_umask", &[]);
    assert_eq!(child.hear(), "done");
}

#[test]
fn child_with_changing_umask() {
    if child::role("child_with_changing_umask").is_none() {
        return;
    }
    let (place, _) = place();
    for kind in [Mode::Bytes, Mode::Messages] {
        for mode in [0o600, 0o660, 0o666] {
            bind_under_changing_umask(&place.endpoint("s"), kind, mode);
        }
    }
    child::say("done");
}

fn bind_under_changing_umask(at: &Endpoint, kind: Mode, mode: u32) {
    let done = AtomicBool::new(false);
    let path = Path::new(at.name());
    let (widest, final_modes) = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for umask in [0, 0o077, 0o777] {
                    rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
                }
            }
        });
        let watching = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                seen |= fs::metadata(path).map_or(0, |found| found.mode());
            }
            seen & 0o777
        });
        let transport = UnixTransport::new().mode(mode);
        let final_modes: Vec<_> = (0..60)
            .map(|_| {
                let bound = transport.bind(at, &BindOptions::new().mode(kind));
                bound.map(|_| fs::metadata(path).map_or(0, |found| found.mode() & 0o777))
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        (watching.join().expect("no panic"), final_modes)
    });
    assert_eq!(widest & !mode, 0, "{widest:o} was seen, {mode:o} was asked for");
    for found in final_modes {
        let found = found.expect("binds");
        assert_eq!(found, mode, "{found:o}");
    }
}

#[test]
fn a_mode_with_other_bits_than_permissions_is_refused() {
    let (_place, at) = place();
    let bound = UnixTransport::new().mode(0o4600).bind(&at, &BindOptions::new());
    assert!(matches!(bound, Err(Error::InvalidInput { .. })), "{bound:?}");
}
