use std::cell::Cell;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};

use ipc_core::{ImpersonationLevel, Mode};

use super::*;
use crate::Acl;
use crate::sys::name::{self, Making, Name};
use crate::sys::overlapped::{self, Begun, Owner};
use crate::sys::pipe::Pipe;
use crate::testing::watched;

/// An instance of a pipe whose client is waited for at the port of `waiter`.
struct Awaiting {
    waiter: PipeWaiter,
    sleepers: Sleepers,
    has_come: AtomicBool,
}

impl Owner for Awaiting {
    fn ended(&self, _: &overlapped::Operation, _: io::Result<()>) -> Option<(Key, Ready)> {
        self.has_come.store(true, Ordering::SeqCst);
        self.sleepers.wake();
        None
    }
}

impl Awaiting {
    /// With the instance, and its name.
    fn new() -> (Arc<Self>, Pipe, Name) {
        let name = format!(r"\\.\pipe\{}", ipc_testkit::names::unique());
        let name = Name::new(&name).expect("a good name");
        let making = Making { mode: Mode::Bytes, remote_clients: false, most: 1, buffer: 4096 };
        let security = Acl::owner().allow_this_user().descriptor().expect("a descriptor");
        let made = name::make(&name, &making, &security, true).expect("made");
        let waiter = PipeWaiter::new().expect("made");
        let pipe = Pipe::new(made, waiter.port(), making.mode).expect("joined");
        let (sleepers, has_come) = (Sleepers::default(), AtomicBool::new(false));
        let this = Arc::new(Self { waiter, sleepers, has_come });
        let owner: Weak<dyn Owner> = Arc::downgrade(&(Arc::clone(&this) as Arc<dyn Owner>));
        let begun = pipe.begin_connect(owner).expect("begun");
        assert!(matches!(begun, Begun::Pending(_)), "{begun:?}");
        (this, pipe, name)
    }

    fn catch_up_elsewhere(&self) {
        thread::scope(|scope| {
            let caught_up = scope.spawn(|| self.waiter.catch_up()).join().expect("no panic");
            caught_up.expect("taken");
        });
    }
}

/// Waits for what `attempt` gives at its third try. The second one is made by the thread that
/// drives the port, just before it goes there: then `meanwhile` happens.
fn third_time_lucky(this: &Awaiting, meanwhile: impl Fn()) {
    let tries = Cell::new(0);
    let attempt = || {
        tries.set(tries.get() + 1);
        if tries.get() == 2 {
            meanwhile();
        }
        (tries.get() > 2).then_some(())
    };
    let done = this.waiter.until(&this.sleepers, Deadline::NEVER, attempt).expect("waits");
    assert_eq!(done, Some(()));
}

#[test]
fn a_nudge_is_not_lost_to_a_thread_that_only_catches_up() {
    watched("a_nudge_is_not_lost_to_a_thread_that_only_catches_up", || {
        let (this, _pipe, _) = Awaiting::new();
        third_time_lucky(&this, || {
            this.waiter.disturb();
            this.catch_up_elsewhere();
        });
    });
}

#[test]
fn who_drives_learns_of_what_another_thread_has_taken_from_the_port() {
    watched("who_drives_learns_of_what_another_thread_has_taken_from_the_port", || {
        let (this, _pipe, name) = Awaiting::new();
        let client = std::cell::OnceCell::new();
        third_time_lucky(&this, || {
            let opened = name::open(&name, ImpersonationLevel::Identification);
            client.set(opened.expect("connects")).expect("once");
            while !this.has_come.load(Ordering::SeqCst) {
                this.catch_up_elsewhere();
            }
        });
    });
}

#[test]
fn a_wake_is_not_lost_to_a_thread_that_only_catches_up() {
    watched("a_wake_is_not_lost_to_a_thread_that_only_catches_up", || {
        let (this, _pipe, _) = Awaiting::new();
        // One that waits for reports, and is not at the port yet.
        assert!(this.waiter.come(Deadline::NOW));
        this.waiter.wake();
        this.catch_up_elsewhere();
        let mut entries = Vec::new();
        let taken = this.waiter.port.take(&mut entries, Deadline::NEVER).expect("taken");
        assert!(taken > 0 && entries.is_empty(), "{taken}");
        this.waiter.leave();
    });
}
