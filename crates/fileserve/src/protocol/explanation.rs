//! Whether a file would be served, and why not, as it travels.
//!
//! What may be extended travels as a number with a text beside it, so that an older client still has
//! something to say.

use ipc_core::files::{Class, Denial, FileKind, Finding, Metadata, Reason, Right};
use ipc_core::{ErrorKind, Failure};
use serde::{Deserialize, Serialize};

use super::WirePath;

/// Whether a file would be served to the client that asks, and if not, why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What a request for it comes to: 0 if it is served, else the number of the
    /// [`ErrorKind`].
    pub outcome: u16,
    /// What such a request is told.
    pub text: String,
    /// Where and by which rule it is refused, where that was found.
    pub finding: Option<WireFinding>,
}

impl Explanation {
    /// It is served.
    #[must_use]
    pub fn served() -> Self {
        Self { outcome: SERVED, text: String::new(), finding: None }
    }

    /// A request for it fails as `failure` says, for what was found.
    #[must_use]
    pub fn refused(failure: &Failure, finding: Option<&Finding>) -> Self {
        let finding = finding.map(WireFinding::from);
        Self { outcome: failure.code(), text: failure.text().to_owned(), finding }
    }

    /// How a request for it is refused; `None` if it is served.
    #[must_use]
    pub fn refusal(&self) -> Option<ErrorKind> {
        (self.outcome != SERVED).then(|| ErrorKind::from_wire(self.outcome))
    }
}

/// Where the way to a file ends for a client, and by which rule; see [`Finding`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireFinding {
    /// The component of the path at which it ends, counted from 1; 0 is the served directory itself.
    pub component: u32,
    /// What refuses, by its own path below the served directory; only the end of one that is too
    /// long to travel.
    pub at: WirePath,
    /// The rule, by its number; see [`reason`](Self::reason).
    pub reason: u16,
    /// What more there is to say.
    pub text: String,
    /// What refuses: 0 not known, 1 a file, 2 a directory, 3 a link, 4 something else, 5 a FIFO,
    /// 6 a socket, 7 a device.
    pub kind: u8,
    /// Its Unix permission bits, where it has them.
    pub mode: Option<u32>,
    /// Its owner's and its group's Unix ids, where it has them.
    pub owner: Option<(u32, u32)>,
    /// Which of its permissions refuses, where one does.
    pub denial: Option<WireDenial>,
}

impl WireFinding {
    /// The rule in a word, which is part of what `--json` prints.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        name(&REASONS, self.reason)
    }

    /// What refuses, in a word; `None` if that is not known.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        KINDS.get(usize::from(self.kind)).copied().flatten()
    }
}

impl From<&Finding> for WireFinding {
    fn from(finding: &Finding) -> Self {
        let list;
        let (reason, text, denial) = match &finding.reason {
            Reason::Permissions(denial) => (lacks(denial.right), "", Some(denial.into())),
            Reason::AccessList { right, entries } => {
                list = entries.join("; ");
                (lacks(*right), &list[..], None)
            }
            Reason::Missing => (MISSING, "", None),
            Reason::Unexplained => (UNEXPLAINED, "", None),
            Reason::ServerHasNoRight => (SERVER_HAS_NO_RIGHT, "", None),
            Reason::LinkOutOfRoot => (LINK_OUT_OF_ROOT, "", None),
            Reason::LinkNotFollowed => (LINK_NOT_FOLLOWED, "", None),
            Reason::IsADirectory => (IS_A_DIRECTORY, "", None),
            Reason::NotADirectory => (NOT_A_DIRECTORY, "", None),
            Reason::NotRegular => (NOT_REGULAR, "", None),
            Reason::MadeUp => (MADE_UP, "", None),
            Reason::OtherMount => (OTHER_MOUNT, "", None),
            Reason::BadName => (BAD_NAME, "", None),
            Reason::Unjudged { why } => (UNJUDGED, &why[..], None),
            _ => (0, "", None),
        };
        let seen = finding.metadata.as_ref();
        Self {
            component: u32::try_from(finding.component).unwrap_or(u32::MAX),
            at: end_of(&finding.at),
            reason,
            // Its length is limited there.
            text: Failure::new(ErrorKind::Unknown, text).text().to_owned(),
            kind: seen.map_or(0, |seen| kind(seen.kind)),
            mode: seen.and_then(|seen| seen.mode),
            owner: seen.and_then(|seen: &Metadata| seen.owner),
            denial,
        }
    }
}

/// A permission that lacks; see [`Denial`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireDenial {
    /// The right that lacks, as a bit in a digit of a mode: 1 to search, 2 to write, 4 to read.
    pub right: u8,
    /// As whom the client counts: 1 the owner, 2 the group, 3 everybody else, by the mode; by an entry
    /// of the access control list 4 a user, 5 the file's group, 6 another group.
    pub class: u8,
    /// The user or group that the entry names.
    pub id: Option<u32>,
    /// What that one has, as a digit of a mode.
    pub has: u8,
    /// The list's mask, which must let it pass, too.
    pub mask: Option<u8>,
}

impl WireDenial {
    /// The part of the permissions that decides, in a word, which is part of what `--json` prints.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match (self.class, self.is_by_mask()) {
            (4..=6, true) => "acl-mask",
            (4..=6, false) => "acl-entry",
            (2, _) => "group",
            (1 | 3, _) => "mode",
            _ => UNKNOWN,
        }
    }

    /// As whom the client counts, in a word.
    #[must_use]
    pub fn class(&self) -> &'static str {
        CLASSES.get(usize::from(self.class)).copied().unwrap_or(UNKNOWN)
    }

    /// What lacks, in a word.
    #[must_use]
    pub fn right(&self) -> &'static str {
        match self.right {
            1 => "search",
            2 => "write",
            4 => "read",
            _ => UNKNOWN,
        }
    }

    /// `true` if the mask takes away what the entry gives.
    #[must_use]
    pub fn is_by_mask(&self) -> bool {
        self.mask.is_some() && self.has & self.right != 0
    }
}

impl From<&Denial> for WireDenial {
    fn from(denial: &Denial) -> Self {
        let (class, id) = match denial.class {
            Class::Owner => (1, None),
            Class::Group => (2, None),
            Class::Other => (3, None),
            Class::UserEntry(uid) => (4, Some(uid)),
            Class::OwnGroupEntry => (5, None),
            Class::GroupEntry(gid) => (6, Some(gid)),
            _ => (0, None),
        };
        Self { right: denial.right.bit(), class, id, has: denial.has, mask: denial.mask }
    }
}

fn lacks(right: Right) -> u16 {
    match right {
        Right::Search => UNSEARCHABLE,
        _ => UNREADABLE,
    }
}

fn kind(kind: FileKind) -> u8 {
    match kind {
        FileKind::Regular => 1,
        FileKind::Directory => 2,
        FileKind::Link => 3,
        FileKind::Fifo => 5,
        FileKind::Socket => 6,
        FileKind::Device => 7,
        _ => 4,
    }
}

/// As much of the end of `path` as travels, from the beginning of a component.
fn end_of(path: &[u8]) -> WirePath {
    let surplus = path.len().saturating_sub(WirePath::MAX_LENGTH);
    let begin = match surplus {
        0 => 0,
        _ => path[surplus..]
            .iter()
            .position(|byte| *byte == b'/')
            .map_or(path.len(), |slash| surplus + slash + 1),
    };
    WirePath::new(&path[begin..]).expect("cut to what travels")
}

fn name(names: &[(u16, &'static str)], number: u16) -> &'static str {
    names.iter().find(|(known, _)| *known == number).map_or(UNKNOWN, |(_, name)| *name)
}

const SERVED: u16 = 0;
const UNKNOWN: &str = "unknown";

const MISSING: u16 = 1;
const UNSEARCHABLE: u16 = 2;
const UNREADABLE: u16 = 3;
const UNEXPLAINED: u16 = 4;
const SERVER_HAS_NO_RIGHT: u16 = 5;
const LINK_OUT_OF_ROOT: u16 = 6;
const LINK_NOT_FOLLOWED: u16 = 7;
const IS_A_DIRECTORY: u16 = 8;
const NOT_A_DIRECTORY: u16 = 9;
const NOT_REGULAR: u16 = 10;
const MADE_UP: u16 = 11;
const OTHER_MOUNT: u16 = 12;
const BAD_NAME: u16 = 13;
const UNJUDGED: u16 = 14;

/// The numbers are part of the wire format, the words of what `--json` prints.
const REASONS: [(u16, &str); 14] = [
    (MISSING, "missing"),
    (UNSEARCHABLE, "unsearchable"),
    (UNREADABLE, "unreadable"),
    (UNEXPLAINED, "unexplained"),
    (SERVER_HAS_NO_RIGHT, "server-has-no-right"),
    (LINK_OUT_OF_ROOT, "link-out-of-root"),
    (LINK_NOT_FOLLOWED, "link-not-followed"),
    (IS_A_DIRECTORY, "is-a-directory"),
    (NOT_A_DIRECTORY, "not-a-directory"),
    (NOT_REGULAR, "not-regular"),
    (MADE_UP, "made-up"),
    (OTHER_MOUNT, "other-mount"),
    (BAD_NAME, "bad-name"),
    (UNJUDGED, "unjudged"),
];

const KINDS: [Option<&str>; 8] = [
    None,
    Some("file"),
    Some("directory"),
    Some("link"),
    Some("other"),
    Some("fifo"),
    Some("socket"),
    Some("device"),
];

const CLASSES: [&str; 7] =
    [UNKNOWN, "owner", "group", "other", "user-entry", "own-group-entry", "group-entry"];

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_core::codec::Codec;

    fn travelled(explanation: &Explanation) -> Explanation {
        let wire = Codec::Bincode.encode(explanation).expect("has an encoding");
        Codec::Bincode.decode(&wire).expect("what was encoded")
    }

    #[test]
    fn a_refusal_travels_with_its_place_and_its_rule() {
        let denial = Denial::new(Right::Read, Class::UserEntry(7), 0o5, Some(0));
        let mut seen = Metadata::new(FileKind::Fifo, 0, 1, 2);
        (seen.mode, seen.owner) = (Some(0o604), Some((1, 2)));
        let finding = Finding::new(2, b"a/b".to_vec(), Reason::Permissions(denial));
        let finding = finding.with_metadata(Some(seen));
        let failure = Failure::new(ErrorKind::PermissionDenied, "no");
        let told = travelled(&Explanation::refused(&failure, Some(&finding)));
        assert_eq!(told.refusal(), Some(ErrorKind::PermissionDenied));
        let finding = told.finding.expect("there is one");
        assert_eq!((finding.reason(), finding.kind()), ("unreadable", Some("fifo")));
        let denial = finding.denial.expect("there is one");
        assert_eq!(
            (denial.rule(), denial.class(), denial.right()),
            ("acl-mask", "user-entry", "read")
        );
        assert_eq!(travelled(&Explanation::served()).refusal(), None);
    }

    #[test]
    fn what_a_later_version_says_is_unknown_and_no_error() {
        let finding = Finding::new(0, Vec::new(), Reason::Missing);
        let mut later = WireFinding::from(&finding);
        (later.reason, later.kind) = (4711, 99);
        assert_eq!((later.reason(), later.kind()), ("unknown", None));
        let later = WireDenial { right: 8, class: 9, id: None, has: 0, mask: None };
        assert_eq!((later.rule(), later.class(), later.right()), ("unknown", "unknown", "unknown"));
    }

    #[test]
    fn of_a_path_that_is_too_long_its_last_components_travel() {
        let long = [&[b'a'; 4000][..], b"/", &[b'b'; 255], b"/c"].concat();
        assert_eq!(end_of(&long).as_bytes(), [&[b'b'; 255][..], b"/c"].concat());
        assert_eq!(end_of(b"a/b").as_bytes(), b"a/b");
        assert_eq!(end_of(&[b'x'; 5000]).as_bytes(), b"");
    }
}
