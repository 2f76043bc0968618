//! The report for programs: names, values and their units are part of the interface.

use fileserve::protocol::{Explanation, Opener, WireDenial};
use ipc_core::files::Escaped;
use ipc_core::inspect::{Guard, Place, Role, Server, State};
use ipc_core::{Identity, Peer};
use serde_json::{Map, Value, json};

use super::super::json as common;
use super::people::{components, kind_name};
use super::{Asked, Connection, Report, words};

pub(super) fn json(report: &Report) -> Value {
    let (connects, reason, text) = match &report.connection {
        Connection::Served => (true, None, None),
        Connection::Refused { reason, text, .. } => (false, Some(reason.name()), Some(text)),
    };
    let places = report.places.as_ref().ok().map(|places| places.iter().map(place));
    json!({
        "endpoint": report.endpoint.to_string(),
        "places": places.map(Iterator::collect::<Vec<_>>),
        "server": report.server().map(|server| self::server(server, &report.trusts)),
        "me": {
            "identity": identity(&report.own),
            "connects": connects,
            "reason": reason,
            "text": text,
            "known": report.known.as_ref().map(|k| common::whoami(k, report.account.as_deref())),
        },
        "path": report.path.as_ref().map(|asked| path(asked, &report.connection)),
        "exit_code": report.code(),
    })
}

fn place(place: &Place) -> Value {
    let (guard, denial) = match &place.state {
        State::Closed { guard, denial } => (place.guards.get(*guard), denial.as_ref()),
        _ => (None, None),
    };
    json!({
        "name": place.name,
        "state": state(&place.state),
        "guards": place.guards.iter().map(self::guard).collect::<Vec<_>>(),
        "closed_by": guard.map(|guard| &guard.name),
        "denial": denial.map(|denial| self::denial(&words::own_denial(denial))),
        "unsafe": place.fault,
        "warnings": place.warnings,
        "notes": place.notes,
    })
}

fn state(state: &State) -> &'static str {
    match state {
        State::Missing => "missing",
        State::Live => "live",
        State::Busy => "busy",
        State::Stale => "stale",
        State::NotAnEndpoint => "not-an-endpoint",
        State::DanglingLink => "dangling-link",
        State::OtherMode => "other-mode",
        State::Closed { .. } => "closed",
        _ => "unknown",
    }
}

fn guard(guard: &Guard) -> Value {
    json!({
        "role": match guard.role {
            Role::Directory => "directory",
            Role::Lock => "lock",
            _ => "endpoint",
        },
        "name": guard.name,
        "kind": guard.kind.map(kind_name),
        "mode": guard.mode.map(mode),
        "uid": guard.owner.map(|(uid, _)| uid),
        "gid": guard.owner.map(|(_, gid)| gid),
        "sid": guard.sid.as_ref().map(ToString::to_string),
        "entries": guard.entries,
        "note": guard.note,
    })
}

fn server(server: &Server, trusts: &str) -> Value {
    json!({
        "identity": identity(&server.peer),
        "pid": server.peer.pid(),
        "executable": server.executable.as_ref().map(|path| path.to_string_lossy()),
        "policy": trusts,
        "trusted": server.distrust.is_none(),
        "text": server.distrust,
    })
}

fn identity(peer: &Peer) -> Value {
    match peer.identity() {
        Some(Identity::Unix(ids)) => {
            json!({ "uid": ids.uid, "gid": ids.gid, "groups": ids.groups })
        }
        Some(Identity::Windows(token)) => json!({ "sid": token.user.to_string() }),
        _ => Value::Null,
    }
}

fn path(asked: &Asked, connection: &Connection) -> Value {
    let mut object = Map::new();
    let mut set = |name: &str, value: Value| object.insert(name.to_owned(), value);
    set("typed", json!(asked.typed));
    set("name", json!(asked.name.as_ref().map(|name| String::from_utf8_lossy(name.as_bytes()))));
    set(
        "opened_by",
        json!(asked.opener.map(|opener| match opener {
            Opener::Client => "client",
            Opener::Server => "server",
        })),
    );
    match (&asked.answer, connection) {
        (Some(Ok(explanation)), _) => {
            let of = asked.name.as_ref().map(|name| components(name.as_bytes()));
            object.extend(explained(explanation, of));
        }
        (Some(Err(error)), _) => {
            set("served", Value::Null);
            set("reason", json!(words::reason_of(error.kind())));
            set("text", json!(error.to_string()));
        }
        (None, Connection::Refused { reason, text, .. }) => {
            set("served", json!(false));
            set("reason", json!(reason.name()));
            set("text", json!(text));
        }
        (None, Connection::Served) => {}
    }
    Value::Object(object)
}

fn explained(explanation: &Explanation, components: Option<usize>) -> Map<String, Value> {
    let refusal = explanation.refusal();
    let finding = explanation.finding.as_ref();
    let value = json!({
        "served": refusal.is_none(),
        "outcome": refusal.map_or_else(|| "ok".to_owned(), |kind| kind.to_string()),
        "text": explanation.text,
        "reason": words::reason(explanation),
        "because": words::because(explanation),
        "at": finding.map(|finding| Escaped(finding.at.as_bytes()).to_string()),
        "component": finding.map(|finding| finding.component),
        "components": components,
        "kind": finding.and_then(|finding| finding.kind()),
        "mode": finding.and_then(|finding| finding.mode).map(mode),
        "uid": finding.and_then(|finding| finding.owner).map(|(uid, _)| uid),
        "gid": finding.and_then(|finding| finding.owner).map(|(_, gid)| gid),
        "denial": finding.and_then(|finding| finding.denial.as_ref()).map(denial),
    });
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn denial(denial: &WireDenial) -> Value {
    json!({
        "rule": denial.rule(),
        "right": denial.right(),
        "class": denial.class(),
        "id": denial.id,
        "has": denial.has,
        "mask": denial.mask,
    })
}

fn mode(mode: u32) -> String {
    format!("{mode:04o}")
}
