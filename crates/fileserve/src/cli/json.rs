//! What `--json` prints: names, values and their units are part of the interface.

use fileserve::protocol::{
    Acting, Digest, Entry, FileInfo, Timestamp, WhoAmI, WireIdentity, WirePath,
};
use fileserve::record::Record;
use fileserve::shown::hex_unless_unicode;
pub(crate) use fileserve::shown::json as text;
use serde_json::{Map, Value, json};

/// One line of output.
pub(crate) fn line(value: &Value) -> String {
    text(value) + "\n"
}

pub(crate) fn info(path: &WirePath, info: &FileInfo) -> Value {
    let mut object = named(path.as_bytes());
    object.extend([
        ("kind".to_owned(), json!(info.kind.name())),
        ("length".to_owned(), json!(info.file.length)),
        ("modified".to_owned(), timestamp(info.file.modified)),
        ("mode".to_owned(), json!(info.mode.map(|mode| format!("{mode:04o}")))),
        ("uid".to_owned(), json!(info.owner.map(|(uid, _)| uid))),
        ("gid".to_owned(), json!(info.owner.map(|(_, gid)| gid))),
        ("device".to_owned(), json!(info.file.device)),
        ("inode".to_owned(), json!(info.file.inode)),
    ]);
    Value::Object(object)
}

pub(crate) fn listing(entries: &[Entry], complete: bool) -> Value {
    let entries: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut object = named(&entry.name);
            object.insert("kind".to_owned(), json!(entry.kind.name()));
            Value::Object(object)
        })
        .collect();
    json!({ "entries": entries, "complete": complete })
}

pub(crate) fn digest(path: &WirePath, digest: &Digest) -> Value {
    let mut object = named(path.as_bytes());
    object.extend([
        ("algorithm".to_owned(), json!(digest.algorithm.name())),
        ("digest".to_owned(), json!(digest.to_hex())),
        ("length".to_owned(), json!(digest.file.length)),
    ]);
    Value::Object(object)
}

/// What the server knows, and the name of the client's account as the client knows it.
pub(crate) fn whoami(who: &WhoAmI, account: Option<&str>) -> Value {
    let identity = match &who.identity {
        WireIdentity::Unknown => Value::Null,
        WireIdentity::Unix { uid, gid, groups } => {
            json!({ "uid": uid, "gid": gid, "groups": groups })
        }
        WireIdentity::Windows { user, groups, elevated, integrity } => {
            json!({ "sid": user, "groups": groups, "elevated": elevated, "integrity": integrity })
        }
    };
    let (acts, reason) = match &who.acting {
        Acting::Can => (true, None),
        Acting::Cannot { reason } => (false, Some(reason)),
    };
    json!({
        "identity": identity,
        "account": account,
        "pid": who.pid,
        "assurance": who.assurance,
        "level": who.level().map(|level| level.to_string()),
        "acts_as_you": acts,
        "acts_not_because": reason,
        "other_user_namespace": who.other_user_namespace,
        "other_mount_namespace": who.other_mount_namespace,
    })
}

/// One request, as `serve --json` prints it.
pub(crate) fn record(record: &Record) -> Value {
    let mut object = match &record.path {
        Some(path) => named(path.as_bytes()),
        None => Map::new(),
    };
    let ids = record.peer.as_ref().and_then(|peer| peer.identity()).and_then(|i| i.as_unix());
    object.extend([
        ("method".to_owned(), json!(record.method.to_string())),
        ("worker".to_owned(), json!(record.worker.to_string())),
        ("thread".to_owned(), json!(record.thread)),
        ("peer".to_owned(), json!(record.peer.as_ref().map(ToString::to_string))),
        ("pid".to_owned(), json!(record.peer.as_ref().and_then(|peer| peer.pid()))),
        ("uid".to_owned(), json!(ids.map(|ids| ids.uid))),
        ("bytes".to_owned(), json!(record.bytes)),
        ("cut".to_owned(), json!(record.cut)),
        ("outcome".to_owned(), json!(outcome(record))),
        ("text".to_owned(), json!(record.outcome.as_ref().err().map(|failure| failure.text()))),
    ]);
    Value::Object(object)
}

fn outcome(record: &Record) -> String {
    match &record.outcome {
        Ok(()) => "ok".to_owned(),
        Err(failure) => failure.kind().to_string(),
    }
}

/// `name`, and `name_hex` where the name is no Unicode and so `name` cannot be all of it.
fn named(name: &[u8]) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("name".to_owned(), json!(String::from_utf8_lossy(name)));
    if let Some(hex) = hex_unless_unicode(name) {
        object.insert("name_hex".to_owned(), json!(hex));
    }
    object
}

/// Seconds and nanoseconds apart: together they are more than a JSON number holds.
fn timestamp(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| json!({ "seconds": at.seconds, "nanoseconds": at.nanoseconds }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fileserve::protocol::Kind;

    #[test]
    fn a_name_that_is_no_unicode_is_also_there_in_full() {
        let entry = |name: &[u8]| Entry { name: name.to_vec(), kind: Kind::File };
        let value = listing(&[entry(b"plain\n"), entry(b"\xffodd")], true);
        assert_eq!(value["entries"][0]["name"], "plain\n");
        assert_eq!(value["entries"][0].get("name_hex"), None);
        assert_eq!(value["entries"][1]["name_hex"], "ff6f6464");
        assert_eq!(value["complete"], true);
    }
}
