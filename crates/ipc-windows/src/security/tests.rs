use std::io::{Read, Write as _};

use windows_sys::Win32::Foundation::ERROR_ACCESS_DENIED;

use super::*;
use crate::sys::plain_pipe::{self, Instance};
use crate::sys::probe::sddl;
use crate::testing::{
    Grant, Server, child, code, output, part, permutations, takes_honest_windows,
    without_administrators,
};

/// The owner, what the list inherits, and its entries.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    owner: String,
    control: String,
    entries: Vec<String>,
}

fn written(acl: &Acl) -> Written {
    let text = sddl(&acl.descriptor().expect("a descriptor")).expect("written");
    let (owner, list) = text.split_once("D:").expect("an owner and a list");
    let (control, entries) = list.split_once('(').expect("entries");
    Written {
        owner: owner.trim_start_matches("O:").to_owned(),
        control: control.to_owned(),
        entries: entries.trim_end_matches(')').split(")(").map(str::to_owned).collect(),
    }
}

#[test]
fn the_default_is_the_owner_the_system_and_administrators_and_no_network() {
    let Written { owner, control, entries } = written(&Acl::default());
    assert_eq!(control, "P", "protected from whatever there is to inherit");
    assert_eq!(entries[0], "D;;GA;;;NU", "denied before anybody is allowed");
    let everything = |who: &str| format!("A;;GA;;;{who}");
    assert_eq!(entries[1..3], [everything("SY"), everything("BA")]);
    match is_administrator() {
        true => assert_eq!(entries.len(), 3, "{entries:?}"),
        false => assert_eq!(entries[3..], [everything(&owner)]),
    }
    let mut entries = Entries::of(&Token::of_process().expect("its own")).expect("known");
    entries.is_administrator = false;
    let text = entries.text(&[], false).expect("a text");
    assert!(text.ends_with(&format!("({})", everything(entries.owner.as_str()))), "{text}");
}

#[test]
fn what_was_started_over_the_network_is_told_that_it_cannot_serve_and_why() {
    let mut entries = Entries::of(&Token::of_process().expect("its own")).expect("known");
    assert!(!entries.is_from_network, "tests run where somebody sits");
    entries.is_from_network = true;
    let refusal = entries.text(&[], false).expect_err("its own instances would be denied");
    assert!(matches!(refusal, Error::InvalidInput { .. }), "{refusal:?}");
    assert!(refusal.to_string().contains("ssh or WinRM"), "{refusal}");
    let text = entries.text(&[], true).expect("a list for logons over the network");
    assert!(!text.contains("(D;"), "{text}");
}

fn is_administrator() -> bool {
    let own = crate::identity::this_process().expect("known");
    ipc_core::Policy::admins().decide(&own, &own).is_ok()
}

#[test]
fn clients_may_read_and_write_and_not_serve() {
    const CREATE_PIPE_INSTANCE: u32 = 0x4;
    assert_eq!(READ_AND_WRITE & CREATE_PIPE_INSTANCE, 0);
    let entries = written(&Acl::owner().allow(Group::AuthenticatedUsers)).entries;
    assert_eq!(entries.last().map(String::as_str), Some("A;;0x12019b;;;AU"));
}

#[test]
fn t15_no_order_of_the_setters_loses_an_entry() {
    let setters: [fn(Acl) -> Acl; 5] = [
        |acl| acl.allow(Group::Users),
        |acl| acl.allow(Group::Services),
        |acl| acl.allow_sid(Sid::new("S-1-5-21-1-2-3-1001")),
        Acl::allow_this_user,
        Acl::for_remote_clients,
    ];
    let in_order = written(&setters.iter().fold(Acl::owner(), |acl, set| set(acl)));
    let usual = written(&Acl::owner().for_remote_clients()).entries.len();
    assert_eq!(in_order.entries.len(), usual + 4);
    let sorted = |mut written: Written| {
        written.entries.sort();
        written
    };
    let expected = sorted(in_order);
    for order in permutations(setters.len()) {
        let acl = order.iter().fold(Acl::owner(), |acl, at| setters[*at](acl));
        let found = written(&acl);
        assert_eq!(sorted(found), expected, "{order:?}");
    }
}

#[test]
fn setting_twice_is_setting_once() {
    let once = Acl::owner().allow(Group::Users).allow_this_user();
    assert_eq!(once.clone().allow(Group::Users).allow_this_user(), once);
}

#[test]
fn t14_only_a_pipe_for_remote_clients_lets_in_logons_over_the_network() {
    let denied = |acl: Acl| written(&acl).entries.iter().any(|entry| entry == "D;;GA;;;NU");
    assert!(denied(Acl::owner().allow(Group::Everyone)));
    assert!(!denied(Acl::owner().allow(Group::Everyone).for_remote_clients()));
    let text = Acl::sddl("D:P(D;;GA;;;NU)(A;;GA;;;SY)");
    assert_eq!(text.clone().for_remote_clients(), text, "a text is taken as it is");
}

#[test]
fn a_text_is_taken_as_it_is_and_owned_by_this_process() {
    let own = written(&Acl::owner()).owner;
    let acl = written(&Acl::sddl("D:P(A;;GA;;;SY)(A;;0x12019b;;;WD)"));
    assert_eq!(acl.entries, ["A;;GA;;;SY", "A;;0x12019b;;;WD"]);
    assert_eq!(acl.owner, own);
    assert_eq!(written(&Acl::sddl("O:SYD:P(A;;GA;;;SY)")).owner, "SY");
}

#[test]
fn what_restricts_nobody_or_is_no_list_is_refused() {
    let refused = |acl: Acl| {
        let error = acl.descriptor().expect_err("refused");
        assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
    };
    for text in ["", "O:BA", "nonsense", "D:(A;;GA;;;nobody)", "D:\0"] {
        refused(Acl::sddl(text));
    }
    // Wine reads this as a list that lets nobody in.
    if let Ok(descriptor) = Acl::sddl("D:NO_ACCESS_CONTROL").descriptor() {
        assert!(!sddl(&descriptor).expect("written").contains('('));
    }
    refused(Acl::sddl("D:P(A;;GA;;;SY)").allow(Group::Users));
    refused(Acl::sddl("D:P(A;;GA;;;SY)").allow_this_user());
    refused(Acl::owner().allow_sid(Sid::new("S-1-5-18)(A;;GA;;;WD")));
    refused(Acl::owner().allow_sid(Sid::new("WD")));
}

#[test]
fn t08_a_name_that_is_taken_has_no_second_first_instance() {
    const TEST: &str = "t08_a_name_that_is_taken_has_no_second_first_instance";
    if !takes_honest_windows(TEST) {
        return;
    }
    let server = Server::for_this_user();
    let descriptor = Acl::owner().descriptor().expect("a descriptor");
    let second = plain_pipe::make(&server.name, &descriptor, Instance::First);
    assert_eq!(code(second), ERROR_ACCESS_DENIED);
}

#[test]
fn t09_a_client_connects_where_it_is_allowed_and_serves_nowhere() {
    const TEST: &str =
        "security::tests::t09_a_client_connects_where_it_is_allowed_and_serves_nowhere";
    if let Some((part, name)) = part() {
        let descriptor = Acl::owner().descriptor().expect("a descriptor");
        let second = plain_pipe::make(&name, &descriptor, Instance::Further);
        assert_eq!(code(second), ERROR_ACCESS_DENIED);
        return match (part.as_str(), Grant::FULL.open(&name)) {
            ("allowed", Ok(_)) => {}
            ("refused", refused) => assert_eq!(code(refused), ERROR_ACCESS_DENIED),
            (_, Err(error)) => panic!("{error}"),
            (part, _) => unreachable!("{part}"),
        };
    }
    if !takes_honest_windows(TEST) {
        return;
    }
    if !is_administrator() {
        return crate::testing::skip(TEST, "takes an administrator");
    }
    for (acl, part) in [
        (Acl::owner().allow_this_user(), "allowed"),
        (Acl::owner().allow(Group::Interactive), "allowed"),
        (Acl::owner().allow(Group::Services), "refused"),
        (Acl::sddl("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), "refused"),
    ] {
        let server = Server::new(&acl);
        let client = output(child(TEST, without_administrators(), part, &server.name));
        let said = String::from_utf8_lossy(&client.stderr);
        assert!(client.status.success(), "{acl:?}: {said}");
    }
}

#[test]
fn a_server_may_serve_again_what_it_serves() {
    let mut server = Server::for_this_user();
    let descriptor = Acl::owner().allow_this_user().descriptor().expect("a descriptor");
    plain_pipe::make(&server.name, &descriptor, Instance::Further).expect("a second instance");
    let mut pipe = Grant::FULL.open(&server.name).expect("the client connects");
    server.await_client();
    pipe.write_all(b"!").expect("and may write");
    server.read();
    server.write();
    pipe.read_exact(&mut [0]).expect("and read");
}
