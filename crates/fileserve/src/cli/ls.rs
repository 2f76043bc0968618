//! `fileserve ls`.

use std::fmt::Write as _;

use fileserve::protocol::{Entry, Kind};
use ipc_core::files::Escaped;

use super::args::Look;
use super::reach::Reached;
use super::{Failed, exit, json, print, shown};

pub(crate) fn ls(arguments: Look) -> Result<(), Failed> {
    let doing = format!("list `{}`", shown(&arguments.path));
    let mut reached = Reached::connect(&arguments.reach)?;
    let path = reached.path(&arguments.path)?;
    let mut entries = Vec::new();
    let listing = reached
        .files
        .list(&path, &mut |entry| entries.push(entry))
        .map_err(|error| Failed::new(&doing, error))?;
    entries.sort_by(|a: &Entry, b| a.name.cmp(&b.name));
    print(&if arguments.json {
        json::line(&json::listing(&entries, listing.complete))
    } else {
        text(&entries)
    })?;
    if listing.complete {
        return Ok(());
    }
    let doing = format!("{doing} whole: it has more than {} entries", entries.len());
    Err(Failed::because(exit::INCOMPLETE, doing))
}

fn text(entries: &[Entry]) -> String {
    entries.iter().fold(String::new(), |mut text, entry| {
        let slash = if entry.kind == Kind::Directory { "/" } else { "" };
        let _ = writeln!(text, "{}{slash}", Escaped(&entry.name));
        text
    })
}
