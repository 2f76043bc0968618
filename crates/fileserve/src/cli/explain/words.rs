//! What a refusal means, in words: those of programs, and a sentence for people.

use fileserve::protocol::{Explanation, WireDenial, WireFinding};
use ipc_core::ErrorKind;
use ipc_core::files::Denial;

/// Why a file is refused, in a word, which is part of what `--json` prints.
pub(super) fn reason(explanation: &Explanation) -> Option<String> {
    let kind = explanation.refusal()?;
    Some(match &explanation.finding {
        Some(finding) => finding.reason().to_owned(),
        None => reason_of(kind),
    })
}

/// The same where no more is known than how it is refused.
pub(super) fn reason_of(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::InvalidInput => "bad-name".to_owned(),
        ErrorKind::LevelTooLow => "level".to_owned(),
        ErrorKind::Refused => "policy".to_owned(),
        ErrorKind::PermissionDenied => "unexplained".to_owned(),
        ErrorKind::NotFound => "missing".to_owned(),
        ErrorKind::NotPrivileged
        | ErrorKind::IdentityRefused
        | ErrorKind::IdentityUnknown
        | ErrorKind::Sandboxed => "cannot-act".to_owned(),
        other => other.to_string().replace(' ', "-"),
    }
}

/// Why a file is refused, for people.
pub(super) fn because(explanation: &Explanation) -> Option<String> {
    let kind = explanation.refusal()?;
    Some(match &explanation.finding {
        Some(finding) => because_of(finding),
        None => because_of_kind(kind).to_owned(),
    })
}

fn because_of(finding: &WireFinding) -> String {
    if let Some(denial) = &finding.denial {
        return format!("you may not {} it: {}", denial.right(), denial_text(denial));
    }
    let text = match finding.reason() {
        "missing" => "there is nothing of that name",
        "unreadable" => "its access control list does not let you read it",
        "unsearchable" => "its access control list does not let you search it",
        "unexplained" => UNEXPLAINED,
        "server-has-no-right" => {
            "you may, and the server's own user may not; it serves what both may read"
        }
        "link-out-of-root" => "it is a link that leads out of what is served",
        "link-not-followed" => {
            "it is a link that is not followed: none is followed here, it is a stranger's in a \
             directory for all, or there are too many on the way"
        }
        "is-a-directory" => "it is a directory; with a `/` behind it you ask whether it is listed",
        "not-a-directory" => "it is no directory, and one is needed there",
        "not-regular" => "it is no regular file, and nothing else is served",
        "made-up" => "the kernel makes it up, as all below /proc, and that is not served",
        "other-mount" => "it lies on another file system, and only one is served",
        "bad-name" => "a name like that is not looked up",
        "unjudged" => "the server cannot tell whether you may",
        _ => "for a reason that this version does not know",
    };
    match finding.text.as_str() {
        "" => text.to_owned(),
        more => format!("{text}: {more}"),
    }
}

fn because_of_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => UNEXPLAINED,
        ErrorKind::InvalidInput => "a name like that is not looked up",
        ErrorKind::LevelTooLow => "this client does not let the server act for it that far",
        ErrorKind::NotPrivileged
        | ErrorKind::IdentityRefused
        | ErrorKind::IdentityUnknown
        | ErrorKind::Sandboxed => "the server cannot open files with your rights",
        ErrorKind::NotFound => "there is nothing of that name",
        _ => "the server says no more",
    }
}

/// As whom permissions count this client, and what that one has.
pub(super) fn denial_text(denial: &WireDenial) -> String {
    let has = letters(denial.has);
    let id = denial.id.unwrap_or_default();
    let who = match denial.class() {
        "owner" => format!("its owner has {has}, and you are its owner"),
        "group" => format!("its group has {has}, and you are in its group"),
        "other" => {
            format!("everybody else has {has}, and you are neither its owner nor in its group")
        }
        "user-entry" => format!("its access control list gives uid {id}, which is you, {has}"),
        "own-group-entry" => {
            format!("its access control list gives its group, which you are in, {has}")
        }
        "group-entry" => {
            format!("its access control list gives the group {id}, which you are in, {has}")
        }
        _ => "by a rule that this version does not know".to_owned(),
    };
    match denial.mask {
        Some(mask) if denial.is_by_mask() => {
            format!("{who}, but the list's mask lets only {} pass", letters(mask))
        }
        _ => who,
    }
}

/// The same of what was seen on this side.
pub(super) fn own_denial(denial: &Denial) -> WireDenial {
    denial.into()
}

fn letters(digit: u8) -> String {
    let letter = |(bit, letter)| if digit & bit == 0 { '-' } else { letter };
    [(4, 'r'), (2, 'w'), (1, 'x')].map(letter).iter().collect()
}

const UNEXPLAINED: &str = "the system refuses it, and the permissions do not say why: a security \
    module, a sandbox, or a file system that asks somebody else";
