use std::fs::{self, File};

use ipc_core::Policy;
use windows_sys::Win32::Foundation::ERROR_ACCESS_DENIED;

use super::*;
use crate::identity::this_process;
use crate::restricted::Restrictions;
use crate::testing::{
    Directory, child, code, output, part, skip, takes_honest_windows, without_administrators,
};

#[test]
fn who_is_not_named_gets_nothing_and_who_may_read_may_not_write() {
    const TEST: &str =
        "file_acl::tests::who_is_not_named_gets_nothing_and_who_may_read_may_not_write";
    if let Some((_, place)) = part() {
        let place = Path::new(&place);
        let denied = |outcome| assert_eq!(code(outcome), ERROR_ACCESS_DENIED);
        let write = |name| File::options().append(true).open(place.join(name));
        denied(File::open(place.join("closed")));
        denied(write("closed"));
        assert_eq!(fs::read_to_string(place.join("read only")).expect("readable"), "read only");
        denied(write("read only"));
        write("open").expect("writable");
        denied(fs::read_dir(place.join("closed directory")).map(drop).map(|()| unreachable!()));
        denied(File::open(place.join(r"closed directory\inherits")));
        return fs::write(place.join("made by the client"), "").expect("the directory is open");
    }
    if !takes_honest_windows(TEST) {
        return;
    }
    let own = this_process().expect("known");
    if Policy::admins().decide(&own, &own).is_err() {
        return skip(TEST, "takes an administrator");
    }
    let directory = Directory::new();
    let place = directory.path();
    let closed = FileAcl::administrators();
    closed.apply_to(directory.file("closed")).expect("applied");
    let readers = closed.clone().allow_this_user(FileAccess::Read);
    readers.apply_to(directory.file("read only")).expect("applied");
    directory.file("open");
    fs::create_dir(place.join("closed directory")).expect("made");
    closed.apply_to(place.join("closed directory")).expect("applied");
    fs::write(place.join(r"closed directory\inherits"), "").expect("written");
    let told = place.to_str().expect("text");
    let client = output(child(TEST, without_administrators(), "looks", told));
    assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));
    assert!(place.join("made by the client").exists());
    let unrestricted = output(child(TEST, Restrictions::default(), "looks", told));
    assert!(!unrestricted.status.success(), "an administrator may do all that");
}

#[test]
fn the_text_names_each_with_its_rights() {
    let sid: Sid = "S-1-5-32-545".parse().expect("a SID");
    let acl = FileAcl::administrators().allow(sid, FileAccess::Read);
    let text = acl.text("OICI").expect("a text");
    assert_eq!(text, "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FRFX;;;S-1-5-32-545)");
}

#[test]
fn what_is_no_identifier_or_not_there_is_an_error() {
    let directory = Directory::new();
    let file = directory.file("a file");
    let forged = Sid::new("WD)(A;;FA;;;WD");
    let refusal = FileAcl::administrators().allow(forged, FileAccess::Read).apply_to(&file);
    assert_eq!(refusal.expect_err("refused").kind(), io::ErrorKind::InvalidInput);
    let missing = FileAcl::administrators().apply_to(directory.path().join("missing"));
    assert_eq!(missing.expect_err("missing").kind(), io::ErrorKind::NotFound);
}
