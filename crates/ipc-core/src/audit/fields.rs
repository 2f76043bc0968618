//! The names of an event's fields: the one place that knows them.

use super::{Event, TARGET};
use crate::files::Escaped;
use crate::peer::{Identity, Sid, UnixIdentity};

/// The value of one field of an [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field<'a> {
    /// A number.
    Number(u64),
    /// A text, parts of which a client may have chosen: to be escaped.
    Text(String),
    /// Bytes that a client chose: to be escaped.
    Bytes(&'a [u8]),
}

impl<'a> Event<'a> {
    /// The name and the value of every field that it has, in the order of `docs/audit.md`.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, Field<'a>)> {
        let text = |value: &dyn ToString| Field::Text(value.to_string());
        let number = |value: u32| Field::Number(value.into());
        let ids = self.ids();
        let fields = [
            ("event", Some(text(&self.decision))),
            ("connection", Some(Field::Number(self.connection))),
            ("call", self.call.map(Field::Number)),
            ("uid", ids.map(|ids| number(ids.uid))),
            ("gid", ids.map(|ids| number(ids.gid))),
            ("sid", self.sid().map(|sid| text(sid))),
            ("pid", self.pid().map(number)),
            ("policy", self.policy.map(|policy| text(policy))),
            ("stated", self.stated.map(|level| text(&level))),
            ("level", self.level.map(|level| text(&level))),
            ("method", self.method.map(|method| text(&method))),
            ("path", self.path.map(Field::Bytes)),
            ("mechanism", self.mechanism.map(|mechanism| text(&mechanism))),
            ("bytes", self.bytes.map(Field::Number)),
            ("outcome", Some(text(&self.outcome_name()))),
            ("reason", self.reason().map(|reason| text(&reason))),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// The same, for subscribers; nothing is made into text unless one listens.
    pub(super) fn trace(&self) {
        tracing::info!(
            target: TARGET,
            event = self.decision.name(),
            connection = self.connection,
            call = self.call,
            uid = self.ids().map(|ids| ids.uid),
            gid = self.ids().map(|ids| ids.gid),
            sid = self.sid().map(display),
            pid = self.pid(),
            policy = self.policy.map(display),
            stated = self.stated.map(display),
            level = self.level.map(display),
            method = self.method.map(display),
            path = self.path.map(|path| display(Escaped(path))),
            mechanism = self.mechanism.map(display),
            bytes = self.bytes,
            outcome = self.outcome_name(),
            reason = self.reason().map(|reason| display(Escaped(reason.as_bytes()))),
        );
    }

    fn ids(&self) -> Option<&'a UnixIdentity> {
        self.peer?.identity()?.as_unix()
    }

    fn sid(&self) -> Option<&'a Sid> {
        self.peer?.identity().and_then(Identity::as_windows).map(|token| &token.user)
    }

    fn pid(&self) -> Option<u32> {
        self.peer?.pid()
    }

    fn outcome_name(&self) -> String {
        self.outcome.map_or_else(|failure| failure.kind().to_string(), |()| OK.to_owned())
    }

    fn reason(&self) -> Option<&'a str> {
        self.outcome.err().map(crate::Failure::text).filter(|text| !text.is_empty())
    }
}

/// The outcome of what was granted.
const OK: &str = "ok";

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::sync::{Arc, Mutex};

    use tracing::field::Visit;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Metadata, Subscriber};

    use super::*;
    use crate::audit::{Decision, Mechanism, Method};
    use crate::peer::Assurance;
    use crate::{ErrorKind, Failure, ImpersonationLevel, Peer, Policy};

    /// Keeps what it is told of.
    #[derive(Clone, Default)]
    struct Listener(Arc<Mutex<Vec<(&'static str, String)>>>);

    impl Subscriber for Listener {
        fn enabled(&self, about: &Metadata<'_>) -> bool {
            about.target() == TARGET
        }

        fn event(&self, event: &tracing::Event<'_>) {
            event.record(&mut self.clone());
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    impl Visit for Listener {
        fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
            self.0.lock().expect("kept").push((field.name(), value.to_owned()));
        }

        fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
            self.0.lock().expect("kept").push((field.name(), format!("{value:?}")));
        }
    }

    #[test]
    fn subscribers_and_sinks_are_told_the_same() {
        let ids = UnixIdentity { uid: 5, gid: 6, groups: None };
        let peer = Peer::new(Some(Identity::Unix(ids)), Assurance::Kernel).with_pid(Some(9));
        let failure = Failure::new(ErrorKind::NotFound, "no");
        let policy = Policy::any();
        let full = Event {
            call: Some(3),
            policy: Some(&policy),
            stated: Some(ImpersonationLevel::Delegation),
            level: Some(ImpersonationLevel::Impersonation),
            method: Some(Method::Named("get")),
            path: Some(b"a\nb"),
            mechanism: Some(Mechanism::Thread),
            outcome: Err(&failure),
            bytes: Some(8),
            ..Event::new(Decision::Result, 1, Some(&peer))
        };
        let bare = Event::new(Decision::Connect, 2, None);
        for (event, count) in [(full, 15), (bare, 3)] {
            let listener = Listener::default();
            tracing::subscriber::with_default(listener.clone(), || event.trace());
            let text = |field| match field {
                Field::Number(number) => number.to_string(),
                Field::Text(text) => text,
                Field::Bytes(bytes) => Escaped(bytes).to_string(),
            };
            let fields: Vec<_> = event.fields().map(|(name, value)| (name, text(value))).collect();
            assert_eq!(fields.len(), count);
            assert_eq!(*listener.0.lock().expect("kept"), fields);
        }
    }
}
