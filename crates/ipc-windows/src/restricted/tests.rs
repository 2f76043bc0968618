use std::io::{BufRead, BufReader, Read, Write};

use ipc_core::Policy;

use super::*;
use crate::identity::this_process;
use crate::testing::{child, output, part, say, takes_honest_windows, watched};

#[test]
fn a_restricted_program_has_lost_what_was_taken_from_it() {
    const TEST: &str = "restricted::tests::a_restricted_program_has_lost_what_was_taken_from_it";
    let own = this_process().expect("known");
    let admits = |policy: &Policy| policy.decide(&own, &own).is_ok();
    let users = || Sid::new("S-1-5-32-545");
    if let Some((part, told)) = part() {
        assert_eq!(part, "restricted");
        assert!(!admits(&Policy::admins()) && !admits(&Policy::sid(users())));
        let identity = own.identity().and_then(ipc_core::Identity::as_windows).expect("a token");
        assert_eq!(identity.user.as_str(), told, "and is its user's all the same");
        assert!(!crate::sys::token::may_impersonate(), "a privilege");
        return;
    }
    if !takes_honest_windows(TEST) {
        return;
    }
    let user = own.identity().and_then(ipc_core::Identity::as_windows).expect("a token");
    let restrictions =
        Restrictions::without_administrators().deny_only(users()).without_privileges();
    let output = output(child(TEST, restrictions, "restricted", user.user.as_str()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_restricted_program_can_open_what_it_makes() {
    const TEST: &str = "restricted::tests::a_restricted_program_can_open_what_it_makes";
    if part().is_some() {
        let event = format!(r"Local\{}", ipc_testkit::names::unique());
        let _kept = crate::sys::probe::make_event_by_default(&event).expect("made");
        return drop(crate::sys::probe::open_event(&event).expect("opened again"));
    }
    let output = output(child(TEST, Restrictions::without_administrators(), "makes", ""));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn arguments_environment_and_directory_arrive_as_they_are() {
    const TEST: &str = "restricted::tests::arguments_environment_and_directory_arrive_as_they_are";
    const AWKWARD: [&str; 6] = ["", "a b", r#"say "x""#, r"ends in \", r#"\\"\"#, "ünïcödé ✓"];
    if let Some((_, told)) = part() {
        let arguments: Vec<String> = std::env::args().collect();
        let awkward = arguments.iter().skip_while(|argument| *argument != "--").skip(1);
        assert!(awkward.eq(&AWKWARD), "{arguments:?}");
        assert_eq!(std::env::var("IPC awkward").as_deref(), Ok("= a\tb \""));
        assert!(std::env::var_os("PATH").is_some(), "what was not set is inherited");
        assert_eq!(std::env::current_dir().expect("told"), Path::new(&told));
        return;
    }
    let place = std::env::temp_dir();
    let place = place.to_str().expect("text").trim_end_matches('\\');
    let command = child(TEST, Restrictions::default(), "shows", place)
        .arg("--")
        .args(AWKWARD)
        .env("IPC awkward", "= a\tb \"")
        .current_dir(place);
    let output = output(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn piped_streams_carry_bytes_both_ways_and_end() {
    const TEST: &str = "restricted::tests::piped_streams_carry_bytes_both_ways_and_end";
    const MUCH: usize = 300_000;
    if part().is_some() {
        let mut input = Vec::new();
        std::io::stdin().read_to_end(&mut input).expect("read");
        eprintln!("{}", "e".repeat(MUCH));
        say(&"o".repeat(MUCH));
        return say(&format!("got {}", String::from_utf8_lossy(&input)));
    }
    watched(TEST, || {
        let mut child = child(TEST, Restrictions::default(), "talks", "")
            .stdin(Stdio::Piped)
            .stdout(Stdio::Piped)
            .stderr(Stdio::Piped)
            .spawn()
            .expect("started");
        child.stdin.take().expect("piped").write_all(b"a word").expect("written");
        let output = child.wait_with_output().expect("ends");
        assert!(output.status.success());
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(out.contains(&"o".repeat(MUCH)) && out.contains("got a word"));
        assert!(err.contains(&"e".repeat(MUCH)));
    });
}

#[test]
fn a_program_can_be_ended_and_tells_how_it_ended() {
    const TEST: &str = "restricted::tests::a_program_can_be_ended_and_tells_how_it_ended";
    match part() {
        Some((part, _)) if part == "stays" => {
            say("here");
            let _for_ever = std::io::stdin().read(&mut [0]);
            return;
        }
        Some(_) => std::process::exit(7),
        None => {}
    }
    watched(TEST, || {
        let mut stays = child(TEST, Restrictions::default(), "stays", "")
            .stdin(Stdio::Piped)
            .stdout(Stdio::Piped)
            .spawn()
            .expect("started");
        let mut lines = BufReader::new(stays.stdout.take().expect("piped")).lines();
        assert!(lines.any(|line| line.expect("text").ends_with("here")));
        assert_eq!(stays.try_wait().expect("told"), None);
        stays.kill().expect("killed");
        assert!(!stays.wait().expect("told").success());
        stays.kill().expect("one that has ended is no error");
        let mut ends = child(TEST, Restrictions::default(), "ends", "")
            .stdout(Stdio::Null)
            .spawn()
            .expect("started");
        assert_eq!(ends.wait().expect("told").code(), Some(7));
        assert_eq!(ends.try_wait().expect("told").and_then(|status| status.code()), Some(7));
    });
}

#[test]
fn what_cannot_be_started_is_an_error() {
    let missing = Command::new(r"C:\missing\program.exe", Restrictions::default()).spawn();
    assert_eq!(missing.expect_err("missing").kind(), io::ErrorKind::NotFound);
    let forged = Restrictions::default().deny_only(Sid::new("nobody"));
    Command::new("p.exe", forged).spawn().expect_err("no identifier");
    let program = std::env::current_exe().expect("a path");
    let nul = Command::new(program, Restrictions::default()).arg("a\0b").spawn();
    assert_eq!(nul.expect_err("a NUL").kind(), io::ErrorKind::InvalidInput);
}
