use std::fs::{self, File, OpenOptions};
use std::os::windows::fs::OpenOptionsExt as _;

use ipc_core::files::{Reason, Right};
use ipc_core::{Error, ErrorKind, ImpersonationLevel};
use windows_sys::Win32::Storage::FileSystem::FILE_SHARE_NONE;

use super::*;
use crate::identity::this_process;
use crate::sys::security::{Descriptor, set_file_dacl};
use crate::sys::token::Token;
use crate::testing::{
    Directory, Grant, client_with, in_process, takes_administrator, takes_honest_windows,
};
use crate::{FileAccess, FileAcl};

mod differential;
mod races;

/// This process's token without the rights of administrators.
fn without_administrators() -> Token {
    let administrators = ipc_core::peer::Sid::new(ipc_core::peer::Sid::ADMINISTRATORS);
    let token = Token::restricted(&[administrators], &[], false).expect("restricted");
    token.to_carry(ImpersonationLevel::Impersonation).expect("a copy")
}

fn set(path: &std::path::Path, list: &str) {
    let descriptor = Descriptor::from_sddl(&format!("D:P{list}")).expect("a list");
    set_file_dacl(path, &descriptor).expect("set");
}

fn path(text: &str) -> RelativePath {
    RelativePath::new(text.as_bytes()).expect("a path")
}

fn read(root: &WindowsRoot, client: &Peer, name: &str) -> Result<String> {
    let file = root.open_checked(client, &path(name), Open::Read)?;
    Ok(std::io::read_to_string(file).expect("read"))
}

#[test]
fn t01_t02_the_check_serves_whom_it_may_only_look_at_what_both_may_read() {
    const TEST: &str = "t01_t02_the_check_serves_whom_it_may_only_look_at_what_both_may_read";
    if !takes_honest_windows(TEST) || !takes_administrator(TEST) {
        return;
    }
    let directory = Directory::new();
    let root = WindowsRoot::open_dir(directory.path()).expect("a root");
    directory.file("both");
    FileAcl::administrators().apply_to(directory.file("servers")).expect("set");
    set(&directory.file("nobodys"), "(A;;FR;;;S-1-5-21-1-2-3-4)");
    let identification = Grant::Fixed(ImpersonationLevel::Identification);
    let client = client_with(&without_administrators(), identification);
    assert_eq!(client.level(), ImpersonationLevel::Identification);
    let client = client.peer();
    assert_eq!(read(&root, client, "both").expect("both may"), "both");
    for name in ["servers", "nobodys"] {
        let refusal = read(&root, client, name).expect_err(name);
        assert_eq!(refusal.kind(), ErrorKind::PermissionDenied, "{name}: {refusal}");
        root.stat_checked(client, &path(name)).expect("who may list may look");
    }
    assert_eq!(read(&root, client, "missing").expect_err("missing").kind(), ErrorKind::NotFound);
    root.open_checked(client, &path(""), Open::List).expect("both may list");
}

#[test]
fn t54_whom_the_rights_refuse_is_not_told_that_somebody_has_the_file_open() {
    const TEST: &str = "t54_whom_the_rights_refuse_is_not_told_that_somebody_has_the_file_open";
    if !takes_honest_windows(TEST) || !takes_administrator(TEST) {
        return;
    }
    let directory = Directory::new();
    let root = WindowsRoot::open_dir(directory.path()).expect("a root");
    let (mine, theirs) = (directory.file("mine"), directory.file("theirs"));
    FileAcl::administrators().apply_to(&theirs).expect("set");
    let alone = |path| {
        OpenOptions::new().read(true).share_mode(FILE_SHARE_NONE).open(path).expect("opened")
    };
    let _held: [File; 2] = [alone(mine), alone(theirs)];
    let client = client_with(&without_administrators(), Grant::FULL);
    let kind = |name| read(&root, client.peer(), name).expect_err(name).kind();
    assert_eq!(kind("mine"), ErrorKind::Busy);
    assert_eq!(kind("theirs"), ErrorKind::PermissionDenied);
}

#[test]
fn who_may_not_walk_unasked_needs_every_directory_on_the_way() {
    const TEST: &str = "who_may_not_walk_unasked_needs_every_directory_on_the_way";
    if !takes_honest_windows(TEST) || !takes_administrator(TEST) {
        return;
    }
    let directory = Directory::new();
    let root = WindowsRoot::open_dir(directory.path()).expect("a root");
    for name in ["open", "open/closed", "open/closed/open"] {
        fs::create_dir(directory.path().join(name)).expect("made");
        directory.file(&format!("{name}/file"));
    }
    let user = Token::of_process().and_then(|own| own.user()).expect("told").sid;
    // All that reading takes, for files and directories below, but not to walk through.
    set(&directory.path().join("open/closed"), &format!("(A;;FR;;;{user})(A;;FA;;;BA)"));
    for below in ["open/closed/file", "open/closed/open", "open/closed/open/file"] {
        set(&directory.path().join(below), &format!("(A;;FA;;;{user})"));
    }
    let token = without_administrators();
    let find = |walks_unasked, name: &str| {
        let (path, client) = (path(name), this_process().expect("known"));
        let asked = Asked { operation: Operation::Open, path: &path, client: &client };
        let mut judge = Judge::of(&token);
        assert!(judge.walks_unasked, "as nearly every token may");
        judge.walks_unasked = walks_unasked;
        walk::find(&root, &judge, &asked, Wanted::Content).map_err(|error| error.kind()).err()
    };
    for (name, unasked, asked) in [
        ("open/file", None, None),
        ("open/closed/file", None, Some(ErrorKind::PermissionDenied)),
        ("open/closed/open/file", None, Some(ErrorKind::PermissionDenied)),
        ("open/closed/missing", Some(ErrorKind::NotFound), Some(ErrorKind::PermissionDenied)),
        ("open/missing", Some(ErrorKind::NotFound), Some(ErrorKind::NotFound)),
        ("open/file/x", Some(ErrorKind::NotADirectory), Some(ErrorKind::NotADirectory)),
        ("open/file/x/y/z", Some(ErrorKind::NotADirectory), Some(ErrorKind::NotADirectory)),
    ] {
        assert_eq!(find(true, name), unasked, "{name}, unasked");
        assert_eq!(find(false, name), asked, "{name}, asked");
    }
}

#[test]
fn t54_an_explanation_tells_a_judged_client_what_it_could_see_for_itself() {
    const TEST: &str = "t54_an_explanation_tells_a_judged_client_what_it_could_see_for_itself";
    if !takes_honest_windows(TEST) || !takes_administrator(TEST) {
        return;
    }
    let directory = Directory::new();
    let root = WindowsRoot::open_dir(directory.path()).expect("a root");
    let user = Token::of_process().and_then(|own| own.user()).expect("told").sid;
    fs::create_dir(directory.path().join("closed")).expect("made");
    for name in ["hidden", "shown", "closed/hidden"] {
        directory.file(name);
    }
    FileAcl::administrators().apply_to(directory.path().join("hidden")).expect("set");
    set(&directory.path().join("shown"), "(A;;RC;;;WD)(A;;FA;;;BA)");
    FileAcl::administrators().apply_to(directory.path().join("closed")).expect("set");
    set(directory.path(), &format!("(A;OICI;FA;;;BA)(A;OICI;FA;;;{user})(A;;FR;;;WD)"));
    // Whoever owns a file may see its list, and this client's user counts only where it denies.
    let administrators = ipc_core::peer::Sid::new(ipc_core::peer::Sid::ADMINISTRATORS);
    let token = Token::restricted(&[user, administrators], &[], false).expect("restricted");
    let token = token.to_carry(ImpersonationLevel::Impersonation).expect("a copy");
    let client = client_with(&token, Grant::FULL);
    let explain = |name: &str, refused| {
        let found = root.explain(None, client.peer(), &path(name), Open::Read, refused);
        found.expect("judged")
    };
    let entries = |name: &str| {
        let found = explain(name, ErrorKind::PermissionDenied).expect("explained");
        assert_eq!(found.component, name.split('/').count(), "{name}");
        match found.reason {
            Reason::AccessList { right: Right::Read, entries } => (entries.len(), found.metadata),
            other => panic!("{name}: {other:?}"),
        }
    };
    // Neither may the client see the list, nor, where it may not list the directory, the file.
    assert_eq!(entries("hidden").0, 0);
    assert!(entries("hidden").1.is_some(), "who may list the directory may look");
    assert!(entries("shown").0 > 0);
    assert_eq!(entries("closed/hidden"), (0, None));
    assert!(explain("missing", ErrorKind::NotFound).is_some());
    assert!(explain("hidden", ErrorKind::NotFound).is_none(), "that is not why");
}

#[test]
fn t18_a_client_without_a_token_is_not_judged() {
    const TEST: &str = "t18_a_client_without_a_token_is_not_judged";
    if !takes_honest_windows(TEST) {
        return;
    }
    let directory = Directory::new();
    let root = WindowsRoot::open_dir(directory.path()).expect("a root");
    directory.file("mine");
    let own = this_process().expect("known");
    let claimed = Peer::new(own.identity().cloned(), ipc_core::peer::Assurance::Kernel);
    let refusal = read(&root, &claimed, "mine").expect_err("nobody vouches");
    assert!(matches!(refusal, Error::IdentityUnknown { .. }), "{refusal:?}");
    assert_eq!(read(&root, &own, "mine").expect("this process"), "mine");
    let (mut server, _pipe) = in_process(Grant::FULL);
    assert_eq!(read(&root, server.client().peer(), "mine").expect("its client"), "mine");
    FileAcl::administrators()
        .allow_this_user(FileAccess::Full)
        .apply_to(directory.path())
        .expect("restored");
}

#[test]
fn a_system_that_heeds_restrictions_passes_the_self_test() {
    const TEST: &str = "a_system_that_heeds_restrictions_passes_the_self_test";
    if !takes_honest_windows(TEST) {
        return;
    }
    assert!(self_test::passed());
}
