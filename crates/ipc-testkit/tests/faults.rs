//! Each transport that is broken on purpose turns exactly the cases red that are about what it
//! breaks; so the suite would notice.

use std::thread;
use std::time::Duration;

use ipc_core::{MemoryTransport, Mode};
use ipc_testkit::faulty::Fault;
use ipc_testkit::names::fresh_memory;
use ipc_testkit::{Case, Harness, watchdog};

#[test]
fn a_lost_byte_turns_the_cases_red_that_move_many() {
    assert_red(
        Fault::LosesAByte,
        Mode::Bytes,
        &[
            "bytes::bytes_arrive_whole_and_in_order",
            "duplex::both_directions_carry_load_at_once",
            "closing::the_last_bytes_before_a_close_arrive",
        ],
    );
}

#[test]
fn taking_over_a_live_name_turns_its_case_red() {
    for mode in [Mode::Bytes, Mode::Messages] {
        let red = "lifecycle::a_bound_name_is_refused_to_a_second_listener";
        assert_red(Fault::TakesOverALiveName, mode, &[red]);
    }
}

#[test]
fn a_forgotten_end_turns_the_cases_red_that_wait_for_it() {
    const IN_BOTH_MODES: [&str; 12] = [
        "lifecycle::accepted_connections_outlive_their_listener",
        "lifecycle::each_peer_is_handed_to_one_acceptor",
        "duplex::half_close_ends_one_direction_only",
        "closing::the_last_bytes_before_a_close_arrive",
        "closing::a_close_goes_in_steps",
        "closing::a_close_can_be_waited_for_in_between",
        "closing::a_close_can_be_parked_in_between",
        "closing::dropping_does_not_wait",
        "closing::what_is_said_before_the_accept_arrives_with_its_end",
        "closing::a_peer_that_vanishes_ends_whatever_waits_for_it",
        "deadlines::cancelling_is_the_end_for_the_peer",
        "parking::cancelling_and_the_peers_end_are_reported",
    ];
    for (mode, own) in [
        (Mode::Bytes, "bytes::bytes_arrive_whole_and_in_order"),
        (Mode::Messages, "messages::the_end_is_no_message"),
    ] {
        let red: Vec<_> = [own].into_iter().chain(IN_BOTH_MODES).collect();
        assert_red(Fault::ForgetsTheEnd, mode, &red);
    }
}

#[test]
fn merged_messages_turn_the_cases_red_that_look_at_boundaries() {
    assert_red(
        Fault::MergesMessages,
        Mode::Messages,
        &["messages::message_boundaries_are_kept", "messages::waiting_messages_are_not_merged"],
    );
}

#[test]
fn a_lie_about_a_deadline_turns_its_case_red() {
    for mode in [Mode::Bytes, Mode::Messages] {
        assert_red(Fault::LiesAboutDeadlines, mode, &["deadlines::a_deadline_is_waited_for"]);
    }
}

#[test]
fn a_cancel_that_wakes_nobody_turns_the_cases_red_that_cancel_what_waits() {
    for mode in [Mode::Bytes, Mode::Messages] {
        assert_red(
            Fault::CancelsWithoutWaking,
            mode,
            &[
                "deadlines::cancelling_ends_whatever_is_under_way",
                "deadlines::cancelling_is_the_end_for_the_peer",
                "deadlines::cancelling_ends_a_close",
                "parking::cancelling_and_the_peers_end_are_reported",
            ],
        );
    }
}

#[test]
fn a_connect_that_is_deaf_to_its_token_turns_its_case_red() {
    for mode in [Mode::Bytes, Mode::Messages] {
        let red = "deadlines::a_connect_that_waits_meets_its_deadline_and_its_token";
        assert_red(Fault::ConnectsDeafToItsToken, mode, &[red]);
    }
}

#[test]
fn a_listener_whose_close_wakes_one_acceptor_turns_its_case_red() {
    for mode in [Mode::Bytes, Mode::Messages] {
        let red = "lifecycle::a_closed_listener_wakes_its_acceptors_and_refuses";
        assert_red(Fault::ClosesWithoutWakingAll, mode, &[red]);
    }
}

#[test]
fn a_waiter_that_does_too_much_turns_its_case_red() {
    for mode in [Mode::Bytes, Mode::Messages] {
        assert_red(Fault::WakesAll, mode, &["parking::a_wake_ends_exactly_one_wait"]);
        let red = "parking::an_armed_listener_is_reported_once";
        assert_red(Fault::ReportsTheListenerTwice, mode, &[red]);
    }
}

#[test]
fn what_is_parked_no_longer_than_its_thread_turns_its_case_red() {
    for mode in [Mode::Bytes, Mode::Messages] {
        let red = "parking::a_parked_connection_outlives_the_thread_that_parked_it";
        assert_red(Fault::UnparksWithTheThread, mode, &[red]);
    }
}

#[test]
fn losing_what_came_before_the_accept_turns_its_case_red() {
    for mode in [Mode::Bytes, Mode::Messages] {
        let red = "closing::what_is_said_before_the_accept_arrives_with_its_end";
        assert_red(Fault::LosesWhatCameBeforeTheAccept, mode, &[red]);
    }
}

/// How long a case may take that is expected to be red, before it counts as hanging. The others get
/// all the time that they need.
const SOON: Duration = Duration::from_secs(2);

/// `fault` turns the cases `expected` red, and no others.
fn assert_red(fault: Fault, mode: Mode, expected: &[&str]) {
    let cases = Case::all(mode);
    // All at once: most of their time they wait.
    let red = thread::scope(|scope| {
        let observe = |case: &Case| {
            let limit = if expected.contains(&case.name) { SOON } else { watchdog::LIMIT };
            let case = *case;
            scope.spawn(move || is_red(case, fault, mode, limit).then_some(case.name))
        };
        let observed: Vec<_> = cases.iter().map(observe).collect();
        let red = observed.into_iter().filter_map(|thread| thread.join().expect("no panic"));
        red.collect::<Vec<_>>()
    });
    assert_eq!(red, expected, "{fault:?}, {mode:?}");
}

fn is_red(case: Case, fault: Fault, mode: Mode, limit: Duration) -> bool {
    // Those count what the process holds, and this one runs other tests besides.
    if case.alone {
        return false;
    }
    let transport = fault.in_transport(MemoryTransport::new().backlog(16));
    let harness = Harness::new(transport, fresh_memory, || None).mode(mode);
    watchdog::observe(case.name, limit, move || (case.run)(&harness)).is_red()
}
