//! What the demonstration prints.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fileserve::platform::{Actor, Cast, Prop};
use ipc_core::ErrorKind;
use serde_json::Value;

use super::client::Counted;
use super::scene::Scene;
use super::{Answers, record_of};
use crate::cli::{Failed, print};

/// Prints who takes part, before anything happens.
pub(super) fn introduce(scene: &Scene, server: u32) -> Result<(), Failed> {
    let mut text = String::from(
        "A server opens each file as the client who asks for it, never as itself.\n\n",
    );
    let _ = writeln!(text, "The server   process {server}, four workers, at {}", scene.endpoint());
    let clients: Vec<String> = scene.cast.actors.iter().map(described).collect();
    let _ = writeln!(text, "The clients  {}", clients.join("; "));
    let _ = writeln!(text, "             four processes, which all ask at once\n");
    text.push_str("Is served\n");
    for prop in &scene.cast.props {
        let _ = writeln!(text, "  {:<17} {:<5} {}", prop.name, prop.rights(), prop.whose);
    }
    print(&text)
}

/// Prints what every client got, who refused the rest, and what to think of it.
pub(super) fn tell(
    scene: &Scene,
    answers: &[Answers],
    records: &[Value],
) -> Result<Verdict, Failed> {
    let mut verdict = Verdict::default();
    let mut text = String::from("\nWho gets what, and from which of the server's workers\n");
    text.push_str(&row("", scene.cast.actors.iter().map(|actor| actor.name.to_owned())));
    let mut refusals = BTreeMap::new();
    for prop in &scene.cast.props {
        let cells = scene.cast.actors.iter().zip(answers).map(|(actor, got)| {
            let answer = got.answers.iter().find(|counted| counted.answer.path == prop.name);
            let record = record_of(records, got.pid, prop.name);
            let right = is_right(prop, actor, answer) && record.is_some();
            verdict.count(right);
            if let Some(refusal) = answer.map(|counted| counted.answer.outcome.as_str()) {
                *refusals.entry(refusal.to_owned()).or_insert(0_u32) += 1;
            }
            cell(answer, record, right)
        });
        text.push_str(&row(prop.name, cells));
    }
    text.push_str(&who_refused(&refusals));
    text.push_str(&conclusion(scene, &verdict));
    print(&text)?;
    Ok(verdict)
}

/// How many answers were what the rights of the files demand.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    right: u32,
    wrong: u32,
}

impl Verdict {
    pub(super) fn is_as_expected(&self) -> bool {
        self.wrong == 0 && self.right > 0
    }

    fn count(&mut self, right: bool) {
        if right { self.right += 1 } else { self.wrong += 1 }
    }
}

fn row(name: &str, cells: impl Iterator<Item = String>) -> String {
    let line = cells.fold(format!("  {name:<17}"), |line, cell| format!("{line} {cell:<16}"));
    format!("{}\n", line.trim_end())
}

fn described(actor: &Actor) -> String {
    if actor.about.is_empty() {
        return actor.name.to_owned();
    }
    format!("{} ({})", actor.name, actor.about)
}

fn is_right(prop: &Prop, actor: &Actor, answer: Option<&Counted>) -> bool {
    let Some(Counted { answer, .. }) = answer else {
        return false;
    };
    match prop.expected(actor) {
        Ok(content) => {
            let digest = blake3::hash(content.as_bytes()).to_hex();
            answer.outcome == "ok" && answer.digest.as_deref() == Some(digest.as_str())
        }
        Err(kind) => answer.outcome == kind.to_string() && answer.bytes == 0,
    }
}

fn cell(answer: Option<&Counted>, record: Option<&Value>, right: bool) -> String {
    let worker = record.and_then(|record| record["worker"].as_str()).unwrap_or("nobody");
    let worker = worker.replace("worker ", "w");
    let outcome = match answer.map(|counted| counted.answer.outcome.as_str()) {
        Some("ok") => "reads it",
        Some(_) => "refused",
        None => "no answer",
    };
    format!("{outcome} {worker}{}", if right { "" } else { " WRONG" })
}

/// By whom things were refused, and how often.
fn who_refused(refusals: &BTreeMap<String, u32>) -> String {
    let by = [
        (ErrorKind::PermissionDenied, "by the kernel, to the client's user and groups"),
        (ErrorKind::OutsideRoot, "by the kernel, which resolves names below the root only"),
        (ErrorKind::InvalidInput, "by the server, for its text alone"),
        (ErrorKind::NotRegular, "by the server, which opens without waiting and then looks"),
        (ErrorKind::Unsupported, "by the server, which cannot act as a client on this system"),
    ];
    let mut text = String::from("\nWho refused\n");
    for (kind, whom) in by {
        if let Some(times) = refusals.get(&kind.to_string()) {
            let _ = writeln!(text, "  {times:>2} times {:<25} {whom}", kind.to_string());
        }
    }
    text
}

fn conclusion(scene: &Scene, verdict: &Verdict) -> String {
    let Verdict { right, wrong } = verdict;
    let mut text = format!("\n{right} of {} answers are what they must be.", right + wrong);
    text.push('\n');
    let Cast { moral, left_out, .. } = &scene.cast;
    if verdict.is_as_expected() && !moral.is_empty() && scene.is_open_to_the_server() {
        let _ = writeln!(
            text,
            "The server's own rights are enough to read every one of these files (this was tried \
             too).\nThey were never used: {moral}."
        );
    }
    for left_out in left_out {
        let _ = writeln!(text, "Left out: {left_out}.");
    }
    text
}
