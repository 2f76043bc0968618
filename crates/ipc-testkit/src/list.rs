//! The list of cases, and what is made of it: tests by [`conformance!`](crate::conformance), and
//! values by [`Case::all`].

use ipc_core::Mode;

use crate::Case;

/// Declares a test for each case, in the module where it is called.
///
/// See the [crate's page](crate) for what it is given.
#[macro_export]
macro_rules! conformance {
    ($transport:expr, fresh = $fresh:path, open_handles = $open_handles:path $(,)?) => {
        fn conformance_harness() -> $crate::Harness {
            $crate::Harness::new(::std::sync::Arc::new($transport), $fresh, $open_handles)
        }
        $crate::__cases! { bytes, __declare_tests }
    };
    (
        $transport:expr,
        fresh = $fresh:path,
        open_handles = $open_handles:path,
        mode = messages $(,)?
    ) => {
        fn conformance_harness() -> $crate::Harness {
            $crate::Harness::new(::std::sync::Arc::new($transport), $fresh, $open_handles)
                .mode($crate::__core::Mode::Messages)
        }
        $crate::__cases! { messages, __declare_tests }
    };
}

/// Hands each group of cases to the macro named `$then`: the groups of a mode and the common ones.
#[doc(hidden)]
#[macro_export]
macro_rules! __cases {
    (bytes, $then:ident $($context:tt)*) => {
        $crate::$then! { $($context)* bytes {
            bytes_arrive_whole_and_in_order
            the_parts_of_a_write_arrive_in_order
            nothing_is_read_into_an_empty_buffer_nor_written_from_empty_parts
            a_byte_connection_has_no_messages
            a_file_is_sent_from_where_one_says_or_not_at_all
        } }
        $crate::__cases! { common, $then $($context)* }
    };
    (messages, $then:ident $($context:tt)*) => {
        $crate::$then! { $($context)* messages {
            message_boundaries_are_kept
            waiting_messages_are_not_merged
            the_parts_of_a_message_are_one
            a_message_over_the_limit_is_refused_by_its_sender
            an_empty_message_is_refused
            a_message_longer_than_asked_for_is_reported_and_gone
            the_buffer_is_cleared_and_grows_to_the_message
            the_end_is_no_message
            bytes_are_unsupported_on_a_message_connection
        } }
        $crate::__cases! { common, $then $($context)* }
    };
    (common, $then:ident $($context:tt)*) => {
        $crate::$then! { $($context)* lifecycle {
            a_bound_name_is_refused_to_a_second_listener
            a_name_is_free_again_after_drop
            accepted_connections_outlive_their_listener
            where_nobody_listens_connecting_says_so
            a_foreign_scheme_is_refused
            the_endpoint_is_told_as_it_was_bound
            a_closed_listener_wakes_its_acceptors_and_refuses
            each_peer_is_handed_to_one_acceptor
        } alone {
            a_burst_of_500_connects_is_served
        } }
        $crate::$then! { $($context)* duplex {
            both_directions_carry_load_at_once
            a_waiting_read_does_not_hold_up_a_write
            a_waiting_write_does_not_hold_up_a_read
            bytes_outlive_the_thread_that_wrote_them
            half_close_ends_one_direction_only
        } }
        $crate::$then! { $($context)* closing {
            the_last_bytes_before_a_close_arrive
            a_close_goes_in_steps
            two_ends_that_close_at_once_both_end
            a_close_throws_away_what_the_peer_still_sends
            a_close_can_be_waited_for_in_between
            a_close_can_be_parked_in_between
            closing_after_the_peer_has_gone_is_no_error
            after_a_close_nothing_works_any_more
            dropping_does_not_wait
            a_peer_that_vanishes_before_it_is_accepted_harms_nobody
            what_is_said_before_the_accept_arrives_with_its_end
            a_peer_that_vanishes_ends_whatever_waits_for_it
        } }
        $crate::$then! { $($context)* deadlines {
            a_passed_deadline_tries_once
            a_deadline_is_waited_for
            a_read_that_timed_out_loses_nothing
            a_write_that_timed_out_had_nothing_accepted
            a_connect_that_waits_meets_its_deadline_and_its_token
            a_cancelled_token_connects_nobody
            a_token_has_no_power_over_what_is_connected
            cancelling_ends_whatever_is_under_way
            cancelling_is_the_end_for_the_peer
            cancelling_ends_a_close
            what_is_cancelled_gives_nothing_out
        } }
        $crate::$then! { $($context)* parking {
            parking_is_as_declared
            what_there_is_to_read_is_reported_now_or_later
            room_to_write_is_reported_now_or_later
            both_interests_at_once_give_one_report
            a_report_disarms
            parking_again_replaces
            a_stale_key_hits_nobody
            a_parked_connection_outlives_the_thread_that_parked_it
            cancelling_and_the_peers_end_are_reported
            an_armed_listener_is_reported_once
            a_waiter_waits_until_its_deadline
            a_wake_ends_exactly_one_wait
            each_report_goes_to_one_of_many_threads
        } }
        $crate::$then! { $($context)* identity {
            the_peer_is_known_truthfully_or_not_at_all
            a_silent_peer_is_known_or_not_yet_known
            an_untrusted_server_gets_no_byte
            by_default_only_the_own_user_is_trusted
            the_level_is_stated_once_by_the_server
            run_as_peer_is_honest
            below_impersonation_nothing_is_run
            a_client_does_not_act_as_its_server
            acting_does_not_nest
            a_panic_while_acting_goes_on
        } }
        $crate::$then! { $($context)* handles {
            handles_are_as_declared
            an_offered_file_is_claimed_by_its_ticket
            several_files_keep_their_tickets
            too_many_offers_are_refused
            too_many_unclaimed_handles_are_closed
            an_end_without_handles_gets_the_bytes_alone
        } alone {
            a_ticket_without_a_handle_is_refused
        } }
        $crate::$then! { $($context)* limits {
            message_mode_is_as_declared
            capabilities_do_not_change
            the_two_modes_do_not_connect
            what_nobody_reads_is_bounded
        } alone {
            dying_peers_leave_no_handle_behind
        } }
    };
}

/// Declares the tests of a group, in a module of its name.
#[doc(hidden)]
#[macro_export]
macro_rules! __declare_tests {
    ($group:ident { $($shared:ident)* } $(alone { $($alone:ident)* })?) => {
        mod $group {
            $($crate::__declare_test! { $group $shared false })*
            $($($crate::__declare_test! { $group $alone true })*)?
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __declare_test {
    ($group:ident $case:ident $alone:literal) => {
        #[test]
        fn $case() {
            $crate::run_test(
                concat!(module_path!(), "::", stringify!($case)),
                $crate::__case! { $group $case $alone },
                super::conformance_harness(),
            );
        }
    };
}

/// Appends the cases of a group to `$list`.
#[doc(hidden)]
#[macro_export]
macro_rules! __push_cases {
    ($list:ident $group:ident { $($shared:ident)* } $(alone { $($alone:ident)* })?) => {
        $($list.push($crate::__case! { $group $shared false });)*
        $($($list.push($crate::__case! { $group $alone true });)*)?
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __case {
    ($group:ident $case:ident $alone:literal) => {
        $crate::Case {
            name: concat!(stringify!($group), "::", stringify!($case)),
            alone: $alone,
            run: $crate::cases::$group::$case,
        }
    };
}

/// Every case of `mode`.
pub(crate) fn cases(mode: Mode) -> Vec<Case> {
    let mut list = Vec::new();
    match mode {
        Mode::Bytes => {
            crate::__cases! { bytes, __push_cases list }
        }
        Mode::Messages => {
            crate::__cases! { messages, __push_cases list }
        }
    }
    list
}
