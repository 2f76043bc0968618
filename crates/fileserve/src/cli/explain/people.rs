//! The report for people: a name and a value on each line.

use std::fmt::Write as _;

use fileserve::protocol::{Acting, Explanation, Opener, WhoAmI, WireFinding};
use ipc_core::files::{Escaped, FileKind};
use ipc_core::inspect::{Guard, Place, Role, Server, State};
use ipc_core::{Identity, Peer};

use super::super::whoami::{self, sentence};
use super::words;
use super::{Asked, Connection, Obstacle, Report};

pub(super) fn text(report: &Report) -> String {
    let mut lines = Lines::default();
    lines.add("endpoint", &report.endpoint.to_string());
    match &report.places {
        Ok(places) => places.iter().for_each(|place| lines.place(place)),
        Err(error) => lines.add("place", &format!("cannot be seen from outside: {error}")),
    }
    lines.server(report);
    lines.me(report);
    if let Some(asked) = &report.path {
        lines.path(asked);
    }
    lines.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, "{name:<12} {}", sentence(value));
    }

    fn place(&mut self, place: &Place) {
        self.add("place", &format!("{}: {}", place.name, state(place)));
        for guard in &place.guards {
            let name = match guard.role {
                Role::Directory => "  directory",
                Role::Lock => "  lock",
                _ => "  itself",
            };
            self.add(name, &format!("{}  {}", guard.name, protection(guard)));
        }
        place.notes.iter().for_each(|note| self.add("  note", note));
        place.fault.iter().for_each(|fault| self.add("  unsafe", fault));
        place.warnings.iter().for_each(|warning| self.add("  warning", warning));
    }

    fn server(&mut self, report: &Report) {
        let Some(Server { peer, executable, distrust, .. }) = report.server() else { return };
        let program = executable.as_ref().map(|path| format!(", {}", path.display()));
        self.add("server", &format!("{peer}{}", program.unwrap_or_default()));
        let trusts = &report.trusts;
        match distrust {
            None => self.add("  trusted", &format!("yes: `{trusts}` admits it")),
            Some(why) => self.add("  trusted", &format!("no, and nothing was sent to it: {why}")),
        }
    }

    fn me(&mut self, report: &Report) {
        self.add("you", &own(&report.own));
        match &report.connection {
            Connection::Served => self.add("  connect", "yes"),
            Connection::Refused { reason, text, .. } => {
                self.add("  connect", &format!("no: {}", refusal(*reason, text, report)));
            }
        }
        if let Some(known) = &report.known {
            self.known(known);
        }
    }

    fn known(&mut self, known: &WhoAmI) {
        let who = whoami::lines(known, None).into_iter();
        let who = who.filter(|(name, _)| ["user", "group", "groups"].contains(name));
        let who: Vec<String> = who
            .map(|(name, value)| match name {
                "groups" => format!("groups {value}"),
                _ => value,
            })
            .collect();
        self.add("  known as", &format!("{}; vouched for by {}", who.join(", "), known.assurance));
        let level = known.level().map_or_else(|| "not known".to_owned(), |l| l.to_string());
        self.add("  level", &level);
        match &known.acting {
            Acting::Can => self.add("  acts", "it can act as you"),
            Acting::Cannot { reason } => self.add("  acts", &format!("it does not: {reason}")),
        }
        for (other, which) in
            [(known.other_user_namespace, "user"), (known.other_mount_namespace, "mount")]
        {
            if other == Some(true) {
                self.add("  lives", &format!("in another {which} namespace than the server"));
            }
        }
    }

    fn path(&mut self, asked: &Asked) {
        let typed = &asked.typed;
        let explanation = match &asked.answer {
            None => return self.add("path", &format!("`{typed}`: not asked")),
            Some(Ok(explanation)) => explanation,
            Some(Err(error)) => {
                let text = format!("`{typed}`: the server cannot tell: {error}");
                return self.add("path", &text);
            }
        };
        let Explanation { text, finding, .. } = explanation;
        match explanation.refusal() {
            None => self.add("path", &format!("`{typed}`: served")),
            Some(kind) if text.is_empty() => {
                self.add("path", &format!("`{typed}`: refused: {kind}"));
            }
            Some(kind) => self.add("path", &format!("`{typed}`: refused: {kind}: {text}")),
        }
        if asked.opener == Some(Opener::Client) {
            self.add("  opened by", "you: this server opens nothing, you pass it what you open");
        }
        if let Some(finding) = finding {
            self.add("  at", &place_of(finding, asked));
        }
        if let Some(because) = words::because(explanation) {
            self.add("  because", &because);
        }
    }
}

fn state(place: &Place) -> String {
    match &place.state {
        State::Missing => "nothing is there".to_owned(),
        State::Live => "somebody listens".to_owned(),
        State::Busy => "somebody listens, and has no room for one more now".to_owned(),
        State::Stale => "nobody listens; a server has left it when it ended".to_owned(),
        State::NotAnEndpoint => "it is something else, at which nobody can listen".to_owned(),
        State::DanglingLink => "it is a link that leads to nothing".to_owned(),
        State::OtherMode => "whoever listens there takes messages, not bytes".to_owned(),
        State::Closed { .. } => "you cannot get there".to_owned(),
        State::Unknown { why } => format!("the system does not say what is there: {why}"),
        _ => "it is in a state that this version does not know".to_owned(),
    }
}

/// `socket, mode 0600, uid 0, gid 0, list: user 7: r--`.
fn protection(guard: &Guard) -> String {
    let mut parts = Vec::new();
    parts.extend(guard.kind.map(|kind| kind_name(kind).to_owned()));
    parts.extend(guard.mode.map(|mode| format!("mode {mode:04o}")));
    parts.extend(guard.owner.map(|(uid, gid)| format!("uid {uid}, gid {gid}")));
    parts.extend(guard.sid.as_ref().map(|sid| format!("owner {sid}")));
    parts.extend(guard.entries.iter().cloned());
    parts.extend(guard.note.clone());
    parts.join(", ")
}

pub(super) fn kind_name(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Regular => "file",
        FileKind::Directory => "directory",
        FileKind::Link => "link",
        FileKind::Fifo => "fifo",
        FileKind::Socket => "socket",
        FileKind::Device => "device",
        _ => "other",
    }
}

fn own(own: &Peer) -> String {
    let ids = own.identity().and_then(Identity::as_unix);
    let groups = ids.and_then(|ids| ids.groups.as_ref()).filter(|groups| !groups.is_empty());
    let groups = groups.map(|groups| {
        let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
        format!(", groups {}", groups.join(" "))
    });
    let gid = ids.map(|ids| format!(", gid {}", ids.gid));
    // Without the number of this process, which would be another each time.
    let who = own.identity().map(ToString::to_string);
    let parts = [who, gid, groups];
    parts.into_iter().flatten().collect()
}

/// What keeps this client from being served at all.
fn refusal(reason: Obstacle, text: &str, report: &Report) -> String {
    match reason {
        Obstacle::Permission => closed(report).unwrap_or_else(|| text.to_owned()),
        Obstacle::Distrust => {
            format!("this client does not trust it; if you do, say so with `--server`: {text}")
        }
        Obstacle::Policy => format!("{text}; its operator decides that, with `--allow` of `serve`"),
        Obstacle::Level => format!("{text}; `--level` says how far it may act for you"),
        Obstacle::NoServer | Obstacle::Failure => text.to_owned(),
    }
}

/// Which of the guards of the first place that is closed keeps this client out, and by which rule.
fn closed(report: &Report) -> Option<String> {
    let places = report.places.as_ref().ok()?.iter();
    let mut closed = places.filter_map(|place| match place.state {
        State::Closed { guard, denial } => Some((place.guards.get(guard)?, denial)),
        _ => None,
    });
    let (guard, denial) = closed.next()?;
    Some(match denial.as_ref().map(words::own_denial) {
        Some(denial) => {
            let (right, why) = (denial.right(), words::denial_text(&denial));
            format!("you may not {right} `{}`: {why}", guard.name)
        }
        None if guard.mode.is_none() => {
            format!("the access control list of `{}` does not let you in", guard.name)
        }
        None => format!(
            "the system refuses you `{}`, and its permissions do not say why: a security module, \
             or a sandbox",
            guard.name
        ),
    })
}

/// `docs, component 1 of 2: directory, mode 0700, uid 0, gid 0`.
fn place_of(finding: &WireFinding, asked: &Asked) -> String {
    let is_absolute = asked.name.as_ref().is_some_and(|name| name.as_bytes().starts_with(b"/"));
    let name = match finding.at.as_bytes() {
        b"" => "the served directory itself".to_owned(),
        at if is_absolute => format!("`/{}`", Escaped(at)),
        at => format!("`{}`", Escaped(at)),
    };
    let all = asked.name.as_ref().map_or(0, |name| components(name.as_bytes()));
    let mut parts = vec![format!("{name}, component {} of {all}", finding.component)];
    parts.extend(finding.kind().map(str::to_owned));
    parts.extend(finding.mode.map(|mode| format!("mode {mode:04o}")));
    parts.extend(finding.owner.map(|(uid, gid)| format!("uid {uid}, gid {gid}")));
    parts.join(", ")
}

/// How many components a path has, as they are counted for what refuses.
pub(super) fn components(path: &[u8]) -> usize {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").count()
}
