//! Names over the native transport: who has one, for how long, and who gets it next.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::pair::{bind, connect};
use common::{Place, endpoint, soon};
use ipc::{BindOptions, ConnectOptions, Endpoint, Error, Native, Transport};
use ipc_testkit::child::{Process, hear_parent, role, say};

/// Binds what the parent names when told to, says how it went, and stays until it is killed.
#[test]
fn child_that_binds() {
    let Some(arguments) = role("child_that_binds") else { return };
    say("ready");
    hear_parent();
    let outcome = Native::new().bind(&endpoint(&arguments[0]), &BindOptions::new());
    say(&match &outcome {
        Ok(_) => "won".to_owned(),
        Err(Error::EndpointInUse { .. }) => "lost".to_owned(),
        Err(error) => error.chain(),
    });
    hear_parent();
}

fn racer(at: &Endpoint) -> Process {
    let mut racer = Process::start("child_that_binds", &[at.as_str()]);
    assert_eq!(racer.hear(), "ready");
    racer
}

#[test]
fn a_process_that_the_server_starts_does_not_hold_its_name() {
    let place = Place::new();
    let listener = bind(&place.endpoint());
    let client = connect(&place.endpoint());
    let server = listener.accept(soon()).expect("accepts");
    let _child = racer(&place.endpoint_of("another"));
    drop((client, server, listener));
    drop(bind(&place.endpoint()));
}

#[test]
fn t11_of_two_servers_in_a_race_exactly_one_wins_and_a_killed_one_leaves_the_name_to_the_next() {
    let place = Place::new();
    let at = place.endpoint();
    for round in 0..20 {
        let mut racers = [(); 2].map(|()| racer(&at));
        racers.iter_mut().for_each(|racer| racer.tell("go"));
        let mut said = racers.each_mut().map(Process::hear);
        said.sort_unstable();
        assert_eq!(said, ["lost", "won"], "round {round}");
        drop(connect(&at));
        racers.into_iter().for_each(Process::kill);
    }
    drop(bind(&at));
}

#[test]
fn a_name_that_changes_hands_all_the_time_is_never_held_twice() {
    let place = Place::new();
    let at = place.endpoint();
    let done = AtomicBool::new(false);
    let held = AtomicBool::new(false);
    let bind_again_and_again = || {
        while !done.load(Ordering::Relaxed) {
            match Native::new().bind(&at, &BindOptions::new()) {
                Ok(listener) => {
                    if held.swap(true, Ordering::SeqCst) {
                        return Err("two held the name at once".to_owned());
                    }
                    held.store(false, Ordering::SeqCst);
                    drop(listener);
                }
                Err(Error::EndpointInUse { .. }) => {}
                Err(error) => return Err(error.chain()),
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let binding = [(); 3].map(|()| scope.spawn(bind_again_and_again));
        for _ in 0..500 {
            // Whoever holds it, somebody answers or nobody is there.
            match Native::new().connect(&at, &ConnectOptions::new().deadline(soon())) {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => assert!(done.swap(true, Ordering::Relaxed), "{}", error.chain()),
            }
        }
        done.store(true, Ordering::Relaxed);
        for thread in binding {
            assert_eq!(thread.join().expect("no panic"), Ok(()));
        }
    });
}
