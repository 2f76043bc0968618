//! Access control lists in words. Source: Microsoft, "ACE Strings" and "SID Strings".

/// The entries of the list that `text` says in the security descriptor definition language, each in
/// words: `allow SYSTEM: everything`. What is not known is left as it stands there.
pub(crate) fn entries(text: &str) -> Vec<String> {
    let entries = text.split('(').skip(1).filter_map(|rest| rest.split(')').next());
    entries.map(entry).collect()
}

/// How an entry begins that refuses everything to clients of other machines.
pub(crate) const NO_NETWORK: &str = "deny whoever is here over the network: everything";

fn entry(text: &str) -> String {
    let fields: Vec<&str> = text.split(';').collect();
    let [kind, flags, rights, _, _, who] = fields[..] else { return text.to_owned() };
    let kind = match kind {
        "A" => "allow",
        "D" => "deny",
        _ => return text.to_owned(),
    };
    let inherits_only = if flags.contains("IO") { ", for what is made in it" } else { "" };
    format!("{kind} {}: {}{inherits_only}", trustee(who), rights_in_words(rights))
}

fn trustee(who: &str) -> &str {
    let known = TRUSTEES.iter().find(|(short, _)| *short == who);
    known.map_or(who, |(_, name)| name)
}

fn rights_in_words(rights: &str) -> &str {
    let known = RIGHTS.iter().find(|(short, _)| short.eq_ignore_ascii_case(rights));
    known.map_or(rights, |(_, name)| name)
}

const TRUSTEES: [(&str, &str); 12] = [
    ("SY", "SYSTEM"),
    ("BA", "Administrators"),
    ("BU", "Users"),
    ("WD", "Everyone"),
    ("AU", "authenticated users"),
    ("IU", "whoever is logged on here"),
    ("NU", "whoever is here over the network"),
    ("SU", "services"),
    ("AN", "anonymous logons"),
    ("CO", "whoever makes it"),
    ("OW", "the owner"),
    ("LS", "the local service"),
];

/// The whole masks that lists mostly have: of files, of generic rights, of clients of pipes.
const RIGHTS: [(&str, &str); 9] = [
    ("FA", "everything"),
    ("GA", "everything"),
    ("0x1f01ff", "everything"),
    ("FR", "read"),
    ("GR", "read"),
    ("FRFX", "read and search"),
    ("0x1200a9", "read and search"),
    ("0x12019b", "read and write"),
    ("FX", "search"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_told_entry_by_entry() {
        let text = "D:P(D;;GA;;;NU)(A;;FA;;;SY)(A;OICIIO;FR;;;S-1-5-21-1)(A;;0x12019b;;;WD)";
        assert_eq!(
            entries(text),
            [
                NO_NETWORK,
                "allow SYSTEM: everything",
                "allow S-1-5-21-1: read, for what is made in it",
                "allow Everyone: read and write",
            ]
        );
    }

    #[test]
    fn what_is_not_known_stays_as_it_is() {
        assert_eq!(entries("D:(XA;;FA;;;WD;(a == 1))"), ["XA;;FA;;;WD;", "a == 1"]);
        assert_eq!(entries("D:(A;;0x3;;;ZZ)(A;;)"), ["allow ZZ: 0x3", "A;;"]);
        assert_eq!(entries("D:"), [""; 0]);
    }
}
