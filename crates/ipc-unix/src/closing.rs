//! Closing what peers have passed, apart from the threads that serve.
//!
//! How long it takes to close something is for that to say: a TCP socket lingers as long as it was set
//! to, and of a file system that a program answers for, that program is asked. What a peer passes may be
//! either, so it is never closed by a thread that somebody else waits for.

use std::any::Any;
use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::thread;

use parking_lot::Mutex;

use crate::sys::uninvited;

/// Closes `files`, on a thread of its own unless that is done at once.
pub(crate) fn close_apart(mut files: Vec<OwnedFd>) {
    files.retain(|file| !uninvited::closes_at_once(file.as_fd()));
    for file in files {
        drop_apart(Box::new(file));
    }
}

/// The same of one, for whoever has it as a file.
pub(crate) fn close_file_apart(file: File) {
    close_apart(vec![file.into()]);
}

/// `true` while so much waits to be closed that nothing more had better come.
pub(crate) fn is_behind() -> bool {
    CREW.lock().waiting.len() > MOST_WAITING
}

type Closing = Box<dyn Any + Send>;

/// The threads that close, and what waits for one of them.
struct Crew {
    threads: usize,
    waiting: VecDeque<Closing>,
}

static CREW: Mutex<Crew> = Mutex::new(Crew { threads: 0, waiting: VecDeque::new() });

fn drop_apart(what: Closing) {
    let mut crew = CREW.lock();
    crew.waiting.push_back(what);
    if crew.threads == MOST_THREADS {
        return;
    }
    crew.threads += 1;
    drop(crew);
    let spawned = thread::Builder::new()
        .name("ipc-close".to_owned())
        .stack_size(STACK)
        .spawn(|| while close_next() {});
    if spawned.is_err() {
        // Whoever is at work takes it; if nobody is, it waits for the next one who comes.
        CREW.lock().threads -= 1;
    }
}

/// Closes one thing. `false` once there is none, and then this thread no longer counts.
fn close_next() -> bool {
    let next = {
        let mut crew = CREW.lock();
        let next = crew.waiting.pop_front();
        crew.threads -= usize::from(next.is_none());
        next
    };
    next.map(drop).is_some()
}

/// So many things may take their time at once before others wait for them.
const MOST_THREADS: usize = 256;

/// So many may wait.
const MOST_WAITING: usize = 256;

/// Enough to close a file, in bytes.
const STACK: usize = 64 * 1024;
