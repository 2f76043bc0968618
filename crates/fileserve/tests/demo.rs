//! The demonstration: what it shows is true, or it fails.

mod common;

use common::{fileserve, run, skip};
use fileserve::platform::{Cast, Prop};
use ipc_core::ErrorKind;

#[test]
fn the_demonstration_shows_who_reads_what_and_says_what_it_leaves_out() {
    let cast = Cast::find().expect("told");
    let text = run(fileserve(["demo"])).text();
    let all = cast.actors.len() * cast.props.len();
    assert!(text.contains(&format!("{all} of {all} answers are what they must be")), "{text}");
    for left_out in &cast.left_out {
        assert!(text.contains(&format!("Left out: {left_out}.")), "{text}");
    }
    for prop in &cast.props {
        let row = row(&text, prop);
        let readers = readers(&cast, prop);
        assert_eq!(row.matches(" reads it w").count(), readers, "{row}");
        assert_eq!(row.matches(" refused w").count(), cast.actors.len() - readers, "{row}");
    }
}

#[test]
fn the_demonstration_keeps_identities_apart() {
    let name = "the_demonstration_keeps_identities_apart";
    let cast = Cast::find().expect("told");
    if let [why, ..] = &cast.left_out[..] {
        if cast.props.iter().all(|prop| !divides(&cast, prop)) {
            return skip(name, &why.replace('\n', " "));
        }
    }
    let text = run(fileserve(["demo"])).text();
    let divided = cast.props.iter().filter(|prop| divides(&cast, prop));
    let rows: Vec<&str> = divided.map(|prop| row(&text, prop)).collect();
    assert!(rows.len() >= 2, "{text}");
    assert!(rows.iter().all(|row| row.contains(" reads it w") && row.contains(" refused w")));
    assert!(text.contains("The server's own rights are enough to read every one"), "{text}");
}

/// Whether some actors read `prop`, and the system refuses it to others.
fn divides(cast: &Cast, prop: &Prop) -> bool {
    let refused = |actor| prop.expected(actor) == Err(ErrorKind::PermissionDenied);
    readers(cast, prop) > 0 && cast.actors.iter().any(refused)
}

fn readers(cast: &Cast, prop: &Prop) -> usize {
    cast.actors.iter().filter(|actor| prop.expected(actor).is_ok()).count()
}

/// What each actor got of `prop`.
fn row<'a>(text: &'a str, prop: &Prop) -> &'a str {
    let (_, table) = text.split_once("Who gets what").expect("a table");
    let is_its = |line: &&str| line.split_whitespace().next() == Some(prop.name);
    table.lines().find(is_its).expect("a row for it")
}
