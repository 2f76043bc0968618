//! `fileserve whoami`.

use fileserve::platform;
use fileserve::protocol::{Acting, WhoAmI, WireIdentity};
use ipc_core::files::Escaped;

use super::args;
use super::reach::Reached;
use super::{Failed, json, print};

pub(crate) fn whoami(arguments: args::WhoAmI) -> Result<(), Failed> {
    let mut reached = Reached::connect(&arguments.reach)?;
    let who =
        reached.files.whoami().map_err(|error| Failed::new("ask who this client is", error))?;
    let account = account(&who.identity);
    print(&if arguments.json {
        json::line(&json::whoami(&who, account.as_deref()))
    } else {
        text(&who, account.as_deref())
    })
}

/// The name of this user's account, looked up on this side: it may take long, and no server should
/// wait for it. None if the server knows this user by another number, as from another namespace.
pub(super) fn account(seen: &WireIdentity) -> Option<String> {
    let own = platform::transport().this_process().ok()?;
    let same = match (seen, WireIdentity::from(own.identity())) {
        (WireIdentity::Unix { uid, .. }, WireIdentity::Unix { uid: own, .. }) => *uid == own,
        (WireIdentity::Windows { user, .. }, WireIdentity::Windows { user: own, .. }) => {
            *user == own
        }
        _ => false,
    };
    same.then(|| own.account_name()).flatten()
}

fn text(who: &WhoAmI, account: Option<&str>) -> String {
    let lines = lines(who, account);
    lines.iter().map(|(name, value)| format!("{name:<12} {}\n", sentence(value))).collect()
}

/// What the server knows, each with its name; not escaped.
pub(super) fn lines(who: &WhoAmI, account: Option<&str>) -> Vec<(&'static str, String)> {
    let mut lines = identity(&who.identity);
    lines.push(("account", account.unwrap_or("none").to_owned()));
    lines.push(("process", known(who.pid)));
    lines.push(("vouched for", format!("by {}", who.assurance)));
    lines.push(("level", known(who.level())));
    lines.push((
        "acts as you",
        match &who.acting {
            Acting::Can => "yes".to_owned(),
            Acting::Cannot { reason } => format!("no: {reason}"),
        },
    ));
    for (name, other) in
        [("user ns", who.other_user_namespace), ("mount ns", who.other_mount_namespace)]
    {
        if let Some(other) = other {
            lines.push((name, if other { "another" } else { "the server's own" }.to_owned()));
        }
    }
    lines
}

/// What the server says, escaped but for the backticks that it quotes in.
pub(super) fn sentence(text: &str) -> String {
    let parts = text.split('`').map(|part| Escaped(part.as_bytes()).to_string());
    parts.collect::<Vec<_>>().join("`")
}

fn identity(identity: &WireIdentity) -> Vec<(&'static str, String)> {
    match identity {
        WireIdentity::Unknown => vec![("user", known::<u32>(None))],
        WireIdentity::Unix { uid, gid, groups } => vec![
            ("user", format!("uid {uid}")),
            ("group", format!("gid {gid}")),
            ("groups", groups.as_ref().map_or_else(|| known::<u32>(None), |groups| list(groups))),
        ],
        WireIdentity::Windows { user, groups, elevated, .. } => {
            vec![("user", user.clone()), ("groups", list(groups)), ("elevated", known(*elevated))]
        }
    }
}

fn known<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "not known".to_owned(), |value| value.to_string())
}

fn list<T: ToString>(items: &[T]) -> String {
    match items {
        [] => "none".to_owned(),
        items => items.iter().map(T::to_string).collect::<Vec<_>>().join(" "),
    }
}
