use ipc_core::peer::{PeerFacts, WindowsGroup};
use windows_sys::Win32::Foundation::ERROR_CANNOT_IMPERSONATE;

use std::io::Write as _;
use std::os::windows::io::AsHandle;

use super::*;
use crate::Acl;
use crate::restricted::{Restrictions, Stdio};
use crate::sys::{probe, token};
use crate::testing::{
    Grant, Server, Visitor, act, child, client_with, code, in_process, is_visitor, part,
    takes_administrator, takes_honest_windows, watched, without_administrators,
};

fn windows(peer: &Peer) -> &WindowsIdentity {
    peer.identity().and_then(Identity::as_windows).expect("a token's facts")
}

fn administrators(peer: &Peer) -> Option<&WindowsGroup> {
    windows(peer).groups.iter().find(|group| group.sid.as_str() == Sid::ADMINISTRATORS)
}

#[test]
fn this_process_is_what_its_own_peer_sees() {
    let own = this_process().expect("known");
    let (mut server, _client) = in_process(Grant::FULL);
    let peer = server.client().peer().clone();
    let (own_token, token) = (windows(&own), windows(&peer));
    assert_eq!(token.user, own_token.user);
    assert_eq!(token.groups, own_token.groups);
    assert_eq!(
        (token.integrity, token.session, token.elevated, token.logon),
        (own_token.integrity, own_token.session, own_token.elevated, own_token.logon)
    );
    assert!(token.integrity.is_some() && token.session.is_some() && token.elevated.is_some());
    assert_eq!(*peer.assurance(), Assurance::Kernel);
    assert_eq!(*own.assurance(), Assurance::SameProcess);
    assert_eq!(peer.pid(), Some(std::process::id()));
    assert!(peer.account_name().is_some_and(|name| !name.is_empty()));
    assert_eq!(peer.account_name(), own.account_name());
    assert_eq!(peer.executable(), std::env::current_exe().ok());
}

#[test]
fn t42_a_restricted_client_cannot_name_an_unrestricted_process_as_its_own() {
    const TEST: &str = "t42_a_restricted_client_cannot_name_an_unrestricted_process_as_its_own";
    if !takes_honest_windows(TEST) {
        return;
    }
    let process = Token::of_process().expect("its own");
    let is_own = |token: &Token| {
        let client = client_with(token, Grant::FULL);
        is_run_as(client.peer(), &process).expect("told")
    };
    let restricted = |deny_only: &[&str], restricting: &[&str]| {
        let sids = |sids: &[&str]| sids.iter().copied().map(Sid::new).collect::<Vec<_>>();
        let token = Token::restricted(&sids(deny_only), &sids(restricting), false);
        token.expect("restricted").to_carry(ImpersonationLevel::Impersonation).expect("a copy")
    };
    assert!(is_own(&restricted(&[], &[])), "that is no restriction");
    let user = process.user().expect("told").sid;
    for deny_only in [Sid::ADMINISTRATORS, "S-1-5-11", user.as_str()] {
        assert!(!is_own(&restricted(&[deny_only], &[])), "{deny_only}");
    }
    assert!(!is_own(&restricted(&[], &["S-1-1-0"])), "restricted to everyone");
    let own = this_process().expect("known");
    assert!(!is_run_as(&own, &process).expect("told"), "nobody has shown its token");
}

#[test]
fn t23_a_connection_that_was_handed_on_still_names_who_made_it() {
    const TEST: &str =
        "identity::tests::t23_a_connection_that_was_handed_on_still_names_who_made_it";
    if part().is_some() {
        let mut number = String::new();
        io::stdin().read_line(&mut number).expect("told");
        let mut pipe = probe::take_over(number.trim().parse().expect("a number"));
        return pipe.write_all(b"!").expect("written");
    }
    if !takes_honest_windows(TEST) || !takes_administrator(TEST) {
        return;
    }
    watched(TEST, || {
        for own in [true, false] {
            let restricted = Token::restricted(&[Sid::new(Sid::ADMINISTRATORS)], &[], false);
            let restricted =
                restricted.and_then(|token| token.to_carry(ImpersonationLevel::Impersonation));
            // Made by one that may more than who speaks by it, or by one that may less.
            let (maker, speaker) = match own {
                true => (None, without_administrators()),
                false => (Some(restricted.expect("restricted")), Restrictions::default()),
            };
            let mut server = Server::for_this_user();
            if let Some(maker) = &maker {
                token::carry(maker).expect("carried");
            }
            let pipe = Grant::FULL.open(&server.name);
            token::revert().expect("reverted");
            let speaker = child(TEST, speaker, "speak", "").stdin(Stdio::Piped);
            let mut speaker = speaker.stdout(Stdio::Null).spawn().expect("started");
            let number = probe::hand_on(&pipe.expect("connected"), speaker.as_handle());
            let mut stdin = speaker.stdin.take().expect("piped");
            writeln!(stdin, "{}", number.expect("handed on")).expect("told");
            let client = server.client();
            let told = administrators(client.peer()).expect("its user's group");
            assert_eq!((told.enabled, told.deny_only), (own, !own));
            assert_eq!(client.peer().pid(), Some(std::process::id()));
            assert!(speaker.wait().expect("ends").success());
        }
    });
}

#[test]
fn an_identifier_without_an_account_has_no_name() {
    let facts = |sid: &str| Facts::new(Sid::new(sid), None);
    assert_eq!(facts("S-1-5-21-1-2-3-4711").account_name(), None);
    assert_eq!(facts("no identifier").account_name(), None);
    assert_eq!(facts(Sid::SYSTEM).executable(), None);
    let system = facts(Sid::SYSTEM).account_name().expect("it has a name in every language");
    assert!(system.contains('\\'), "{system}");
}

#[test]
fn t16_a_restricted_client_is_known_as_such() {
    const TEST: &str = "identity::tests::t16_a_restricted_client_is_known_as_such";
    if is_visitor(Grant::FULL) || !takes_honest_windows(TEST) {
        return;
    }
    watched(TEST, || {
        let own = this_process().expect("known");
        let is_admin = administrators(&own).is_some_and(|group| group.enabled);
        for (restrictions, is_full) in
            [(Restrictions::default(), true), (without_administrators(), false)]
        {
            let mut visitor = Visitor::start(TEST, restrictions);
            let client = visitor.client();
            let token = windows(client.peer());
            assert_eq!(token.user, windows(&own).user);
            assert_eq!(token.is_member_of(Sid::ADMINISTRATORS), is_full && is_admin);
            let denies = administrators(client.peer()).is_some_and(|group| group.deny_only);
            assert!(is_full || denies || administrators(&own).is_none());
            assert_eq!(client.peer().pid(), Some(visitor.child.id()));
            visitor.leave();
        }
    });
}

#[test]
fn every_level_is_the_one_that_the_client_chose() {
    const TEST: &str = "every_level_is_the_one_that_the_client_chose";
    if !takes_honest_windows(TEST) {
        return;
    }
    for level in &ImpersonationLevel::ALL[1..] {
        let (mut server, _client) = in_process(Grant::Fixed(*level));
        let client = server.client();
        assert_eq!(client.level(), *level);
        assert_eq!(windows(client.peer()).level, *level);
        assert_eq!(client.in_force(None), None);
        assert_eq!(client.in_force(Some(ImpersonationLevel::Delegation)), Some(*level));
    }
}

#[test]
fn an_anonymous_client_cannot_be_known() {
    const TEST: &str = "an_anonymous_client_cannot_be_known";
    if !takes_honest_windows(TEST) {
        return;
    }
    let (mut server, _client) = in_process(Grant::Fixed(ImpersonationLevel::Anonymous));
    let assert_unknown = |server: &Server| {
        let refusal = server.capture().expect_err("unknown");
        assert!(matches!(&refusal, CaptureError::Unknown(why) if why.contains("anonymous")));
        assert!(Token::of_thread().expect("told").is_none(), "the thread is itself");
    };
    assert_unknown(&server);
    server.read();
    assert_unknown(&server);
}

#[test]
fn a_client_that_says_nothing_is_known_after_the_first_read() {
    const TEST: &str = "a_client_that_says_nothing_is_known_after_the_first_read";
    if !takes_honest_windows(TEST) {
        return;
    }
    let (mut server, _client) = in_process(Grant::Unsaid);
    let refusal = server.capture().expect_err("not yet");
    assert!(matches!(refusal, CaptureError::NotYetKnown), "{refusal:?}");
    let client = server.client();
    assert_eq!(client.level(), ImpersonationLevel::Impersonation, "which is what the system takes");
}

#[test]
fn t07_only_a_client_that_is_tracked_is_unknown_before_its_first_byte() {
    const TEST: &str = "t07_only_a_client_that_is_tracked_is_unknown_before_its_first_byte";
    if !takes_honest_windows(TEST) {
        return;
    }
    let level = ImpersonationLevel::Identification;
    let (server, _client) = in_process(Grant::Fixed(level));
    server.capture().expect("known at once");
    let (mut server, _client) = in_process(Grant::Tracked(level));
    let refusal = server.capture().expect_err("not yet");
    assert!(matches!(refusal, CaptureError::NotYetKnown), "{refusal:?}");
    assert_eq!(server.client().level(), level);
}

#[test]
fn without_a_client_there_is_nobody_to_know() {
    const TEST: &str = "without_a_client_there_is_nobody_to_know";
    if !takes_honest_windows(TEST) {
        return;
    }
    let server = Server::for_this_user();
    assert_eq!(code(token::impersonate_client(server.pipe.as_handle())), ERROR_CANNOT_IMPERSONATE);
    let refusal = server.capture().expect_err("nobody");
    assert!(matches!(refusal, CaptureError::NotYetKnown), "{refusal:?}");
}

#[test]
fn t47_a_client_that_has_gone_is_still_who_it_was() {
    const TEST: &str = "identity::tests::t47_a_client_that_has_gone_is_still_who_it_was";
    if is_visitor(Grant::FULL) || !takes_honest_windows(TEST) {
        return;
    }
    watched(TEST, || {
        let Visitor { mut server, mut child } = Visitor::start(TEST, without_administrators());
        server.await_client();
        child.kill().expect("killed");
        child.wait().expect("gone");
        server.read_all();
        let client = server.capture().expect("the pipe knows");
        assert!(!windows(client.peer()).is_member_of(Sid::ADMINISTRATORS));
        act(&client, |_| ()).expect("and lets it be acted as");
    });
}

#[test]
fn t55_a_client_that_changes_its_token_stays_who_it_was() {
    const TEST: &str = "t55_a_client_that_changes_its_token_stays_who_it_was";
    if !takes_honest_windows(TEST) {
        return;
    }
    let level = ImpersonationLevel::Impersonation;
    for grant in [Grant::Unsaid, Grant::Tracked(level), Grant::FULL] {
        let (mut server, mut pipe) = in_process(grant);
        let before = server.client();
        let restricted = without_administrators().token().expect("made");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                token::carry(&restricted.to_carry(level).expect("copied")).expect("carried");
                io::Write::write_all(&mut pipe, b"!").expect("written");
            });
        });
        server.read();
        let inside = act(&before, |_| Token::of_thread().map(|token| token.map(|t| t.groups())));
        let groups = inside.expect("acts").expect("told").expect("carried").expect("told");
        assert_eq!(groups, windows(before.peer()).groups, "{grant:?}");
        // Asked anew the system would tell another, where it tracks.
        let after = server.capture().expect("known");
        let changed = windows(after.peer()).groups != groups;
        let has_them = administrators(before.peer()).is_some_and(|group| group.enabled);
        assert_eq!(changed, has_them && grant != Grant::FULL, "{grant:?}");
    }
}

#[test]
fn t27_nobody_is_captured_while_the_thread_acts_as_somebody() {
    let (mut server, _one) = in_process(Grant::FULL);
    let (other, _two) = in_process(Grant::FULL);
    let client = server.client();
    if !takes_honest_windows("t27_nobody_is_captured_while_the_thread_acts_as_somebody") {
        return;
    }
    let inside = act(&client, |_| {
        let refusal = other.capture().expect_err("refused");
        (refusal, Token::of_thread().expect("told").expect("still carried").statistics())
    });
    let (refusal, still) = inside.expect("acts");
    assert!(matches!(refusal, CaptureError::Nested), "{refusal:?}");
    assert_eq!(still.expect("told").logon, client.statistics().logon);
    other.capture().expect("afterwards it can");
}

#[test]
fn the_account_database_is_not_asked_while_acting() {
    const TEST: &str = "the_account_database_is_not_asked_while_acting";
    if !takes_honest_windows(TEST) {
        return;
    }
    let (mut server, _pipe) = in_process(Grant::FULL);
    let client = server.client();
    let inside = act(&client, |_| (client.peer().account_name(), client.peer().executable()));
    assert_eq!(inside.expect("acts"), (None, None));
    assert!(client.peer().account_name().is_some());
}

#[test]
fn t07_a_client_knows_whose_the_pipe_is_before_its_first_byte() {
    let (_server, pipe) = in_process(Grant::FULL);
    let own = this_process().expect("known");
    let peer = server(pipe.as_handle()).expect("known");
    let user = &windows(&peer).user;
    assert!(*user == windows(&own).user || user.as_str() == Sid::ADMINISTRATORS, "{user}");
    assert_eq!(peer.pid(), Some(std::process::id()));
    assert_eq!(*peer.assurance(), Assurance::Kernel);
}

#[test]
fn t07_a_pipe_that_administrators_own_is_theirs_alone() {
    let own = this_process().expect("known");
    if administrators(&own).is_none_or(|group| !group.enabled) {
        return crate::testing::skip(
            "t07_a_pipe_that_administrators_own_is_theirs_alone",
            "takes an administrator",
        );
    }
    let server_end = Server::new(&Acl::sddl("O:BAD:P(A;;GA;;;BA)"));
    let pipe = Grant::FULL.open(&server_end.name).expect("connected");
    let peer = server(pipe.as_handle()).expect("known");
    assert_eq!(windows(&peer).user.as_str(), Sid::ADMINISTRATORS);
    assert!(peer.identity().is_some_and(Identity::is_system));
    assert!(ipc_core::Policy::same_user().decide(&peer, &own).is_err(), "any administrator's");
    assert!(ipc_core::Policy::system().decide(&peer, &own).is_ok());
}
