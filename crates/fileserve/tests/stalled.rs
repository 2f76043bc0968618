//! A file system that never answers, and the other files of a server that has it below its root.
//!
//! It is one of FUSE of which nobody reads the requests: whoever looks for anything in it waits until
//! the descriptor behind it is closed.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use common::users::{ALICE, BOB, fileserve_as, is_root};
use common::{Place, Server, run, skip};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A mount that never answers, until this is dropped.
struct Stalled {
    _requests: File,
    at: PathBuf,
}

impl Stalled {
    /// Mounts it at `at`; says why not where it cannot be.
    fn mount(test: &str, at: &Path) -> Option<Self> {
        fs::create_dir(at).expect("a place to mount");
        let requests = match File::options().read(true).write(true).open("/dev/fuse") {
            Ok(requests) => requests,
            Err(error) => {
                skip(test, &format!("no FUSE: /dev/fuse: {error}"));
                return None;
            }
        };
        let options =
            format!("fd={},rootmode=40755,user_id=0,group_id=0,allow_other", requests.as_raw_fd());
        let options = CString::new(options).expect("no NUL");
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        if let Err(error) = mount("nobody", at, "fuse", flags, Some(options.as_c_str())) {
            skip(test, &format!("FUSE cannot be mounted here: {error}"));
            return None;
        }
        Some(Self { _requests: requests, at: at.to_owned() })
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        // Whoever waits then is told that it is gone.
        let _ = unmount(&self.at, UnmountFlags::DETACH | UnmountFlags::FORCE);
    }
}

/// Clients of `uid` that wait for what never answers.
fn waiting(server: &Server, uid: u32, command: &str, count: usize) -> Vec<Waiting> {
    let start = |_| {
        let mut client = fileserve_as(uid, [command, server.endpoint(), "stalled/file"]);
        client.stdout(Stdio::null()).stderr(Stdio::null());
        Waiting(client.spawn().expect("starts"))
    };
    (0..count).map(start).collect()
}

/// A client that is ended with its test.
struct Waiting(Child);

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The deadline that is given to those who cannot be served, and the drain of the server.
const SHORT: &str = "1s";

#[test]
fn t41_what_never_answers_holds_up_whoever_asks_for_it_and_nobody_else() {
    const TEST: &str = "t41_what_never_answers_holds_up_whoever_asks_for_it_and_nobody_else";
    if !is_root(TEST) {
        return;
    }
    for mechanism in ["auto", "thread"] {
        for access in ["impersonate", "server"] {
            let place = Place::new();
            place.owned("alices", "hers", 0o644, ALICE, ALICE);
            let Some(_stalled) = Stalled::mount(TEST, &place.files().join("stalled")) else {
                return;
            };
            let options = ["--allow", "any", "--socket-mode", "0666", "--drain", SHORT];
            let how = ["--mechanism", mechanism, "--access", access];
            let mut server = Server::with(&place, [&options[..], &how].concat());
            let alice = || run(fileserve_as(ALICE, ["get", server.endpoint(), "alices"]));
            assert_eq!(alice().text(), "hers", "before");
            // More than there are workers, and than there are threads in the pool.
            let mut held = Vec::new();
            for command in ["get", "stat", "ls", "sum"] {
                held.extend(waiting(&server, BOB, command, 6));
                assert_eq!(alice().text(), "hers", "{mechanism}, {access}: beside {command}");
            }
            for command in ["get", "sum"] {
                let arguments = [command, server.endpoint(), "stalled/file", "--timeout", SHORT];
                run(fileserve_as(BOB, arguments)).failed(8, "");
            }
            for _ in 0..50 {
                assert_eq!(alice().text(), "hers", "{mechanism}, {access}");
            }
            server.ask_to_stop();
            server.says("finishing what");
            assert!(!server.wait().success(), "calls were cut");
            assert!(!Path::new(&place.beside("socket")).exists(), "and the name is free");
        }
    }
}
