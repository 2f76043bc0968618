//! Looking at other processes from within a fence, which the kernel refuses: a process outside of it
//! looks, with the ids of the thread that asks.
//!
//! The two talk in messages over a connection that nobody else has: a question with a handle on the
//! process, then the answer. Without a fence this process looks itself.

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::sync::OnceLock;

use parking_lot::Mutex;

use crate::identity::look_up::{self, Namespaces, Program, Told};
use crate::sys::socket::{self, Patience};
use crate::sys::{directory, helper};

/// The connection to the process outside; there is none before a fence is raised.
static OUTSIDE: OnceLock<Mutex<OwnedFd>> = OnceLock::new();

/// Starts the process that looks from outside. This one must have one thread.
pub(crate) fn start() -> io::Result<()> {
    if OUTSIDE.get().is_none() {
        let connection = helper::start(answer_all)?;
        // Nobody else could have set it: there is one thread.
        let _ = OUTSIDE.set(Mutex::new(connection));
    }
    Ok(())
}

/// In which namespaces `process` lives, which has that number if it has one here.
pub(crate) fn namespaces(process: BorrowedFd<'_>, pid: Option<u32>) -> Namespaces {
    let Some(outside) = OUTSIDE.get() else { return look_up::namespaces(process, pid) };
    let answer = ask(&outside.lock(), What::Namespaces, process, pid.unwrap_or(NO_PID));
    match answer.as_deref() {
        Ok([user, mount]) => Namespaces { user: told(*user), mount: told(*mount) },
        _ => Namespaces::both(Told::Failed),
    }
}

/// The program that `process` runs, which has that number.
pub(crate) fn program(process: BorrowedFd<'_>, pid: u32) -> Program {
    let Some(outside) = OUTSIDE.get() else { return look_up::program(process, pid) };
    let answer = ask(&outside.lock(), What::Program, process, pid);
    match answer.as_deref() {
        Ok([no_new_privileges, path @ ..]) => Program {
            executable: (!path.is_empty()).then(|| OsString::from_vec(path.to_vec()).into()),
            no_new_privileges: match no_new_privileges {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            },
        },
        _ => Program::default(),
    }
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Answered by two [`Told`].
    Namespaces = 0,
    /// Answered by whether it gains no privileges, 2 for unknown, and by the path.
    Program = 1,
}

/// A question: what, the process's number, and the user and group of the thread that asks.
fn ask(
    outside: &OwnedFd,
    what: What,
    process: BorrowedFd<'_>,
    pid: u32,
) -> Result<Vec<u8>, crate::sys::Errno> {
    let (uid, gid) = directory::own_ids();
    let question = [what as u32, pid, uid, gid].map(u32::to_ne_bytes).concat();
    socket::send(outside.as_fd(), &[IoSlice::new(&question)], &[process], Patience::Wait)?;
    let mut answer = Vec::with_capacity(MAX_ANSWER);
    socket::receive_message(outside.as_fd(), &mut answer, Patience::Wait)?;
    Ok(answer)
}

/// The other process: answers until nobody is there to ask.
fn answer_all(asker: BorrowedFd<'_>) {
    let mut question = [0; QUESTION];
    loop {
        let mut process = None;
        let received =
            socket::receive_with_handles(asker, &mut question, Patience::Wait, &mut |handle| {
                process = Some(handle);
            });
        let (Ok(QUESTION), Some(process)) = (received.map(|received| received.count), process)
        else {
            return;
        };
        let answer = answer(&question, process.as_fd());
        if socket::send(asker, &[IoSlice::new(&answer)], &[], Patience::Wait).is_err() {
            return;
        }
    }
}

fn answer(question: &[u8; QUESTION], process: BorrowedFd<'_>) -> Vec<u8> {
    let word = |at: usize| {
        let bytes = [question[at], question[at + 1], question[at + 2], question[at + 3]];
        u32::from_ne_bytes(bytes)
    };
    let (what, pid, uid, gid) = (word(0), word(4), word(8), word(12));
    helper::looking_as(uid, gid, || {
        if what == What::Namespaces as u32 {
            let found = look_up::namespaces(process, (pid != NO_PID).then_some(pid));
            return vec![found.user as u8, found.mount as u8];
        }
        let found = look_up::program(process, pid);
        let path = found.executable.unwrap_or_default();
        let mut answer = vec![found.no_new_privileges.map_or(2, u8::from)];
        answer.extend_from_slice(path.as_os_str().as_bytes());
        answer
    })
}

fn told(code: u8) -> Told {
    const ALL: [Told; 5] = [Told::Own, Told::Other, Told::Untellable, Told::Denied, Told::Failed];
    ALL.into_iter().find(|told| *told as u8 == code).unwrap_or(Told::Failed)
}

/// The length of a question in bytes.
const QUESTION: usize = 16;

/// Stands for a process without a number in this process's namespace.
const NO_PID: u32 = 0;

/// The longest answer in bytes. Source: limits.h, `PATH_MAX`.
const MAX_ANSWER: usize = 1 + 4096;
