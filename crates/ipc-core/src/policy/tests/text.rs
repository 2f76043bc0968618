//! The text of policies: read, written, and read again.

use super::*;

#[test]
fn text_is_read_and_written_the_shortest_way() {
    for (text, written) in [
        ("any", "any"),
        ("(((any)))", "any"),
        (" uid:1\tor\nuid:2 ", "uid:1 or uid:2"),
        ("uid:1 or (uid:2 or uid:3)", "uid:1 or uid:2 or uid:3"),
        ("uid:1 or uid:2 and not uid:3", "uid:1 or uid:2 and not uid:3"),
        ("(uid:1 or uid:2)and(gid:7)", "(uid:1 or uid:2) and gid:7"),
        ("not(uid:1 and uid:2)", "not (uid:1 and uid:2)"),
        ("not not uid:1", "not not uid:1"),
        ("group:staff and not sandboxed", "group:staff and not sandboxed"),
        ("uid:007", "uid:7"),
        ("sid:s-1-5-032-544", "sid:S-1-5-32-544"),
        ("user:\"alice\"", "user:alice"),
        ("user:\"Jane (J.) Doe\"", "user:\"Jane (J.) Doe\""),
        ("user:DOMAIN\\alice", "user:DOMAIN\\alice"),
        ("group:users:of:x", "group:users:of:x"),
    ] {
        assert_eq!(text.parse::<Policy>().expect(text).to_string(), written, "{text}");
    }
    for term in TERMS {
        assert_eq!(term.parse::<Policy>().expect(term).to_string(), term);
    }
}

#[test]
fn not_binds_closest_and_or_least() {
    let (a, b, c) = (Policy::uid(1), Policy::uid(2), Policy::uid(3));
    let parsed: Policy = "not uid:1 and uid:2 or uid:3".parse().expect("a policy");
    assert_eq!(parsed, (!a).and(b).or(c));
}

#[test]
fn what_is_no_policy_is_refused_at_the_word_that_is_wrong() {
    for (text, reason) in [
        ("", "at byte 1 of the policy: a term is missing"),
        ("uid:1 or", "at byte 9 of the policy: a term is missing"),
        ("uid:1 or frends", "at byte 10 of the policy: `frends` is no term"),
        ("it's\u{7}", r"at byte 1 of the policy: `it's\u{7}` is no term"),
        ("uid:1 uid:2", "at byte 7 of the policy: `uid:2` stands where only `and` or `or`"),
        ("uid:1 and (uid:2", "at byte 11 of the policy: `(` is not closed"),
        ("(uid:1 uid:2)", "at byte 8 of the policy: `uid:2` stands where"),
        ("uid:1)", "at byte 6 of the policy: `)` closes nothing"),
        ("()", "at byte 2 of the policy: `)` is no term"),
        ("not", "at byte 4 of the policy: a term is missing"),
        ("and", "at byte 1 of the policy: `and` is no term"),
        ("any or user:\"alice", "at byte 13 of the policy: the quotation mark is not closed"),
        ("ANY", "`ANY` is no term"),
    ] {
        let error = text.parse::<Policy>().expect_err(text).to_string();
        assert!(error.contains(reason), "{text:?}: {error}");
    }
    for text in [
        "uid:",
        "uid:-1",
        "uid:+1",
        "uid:4294967296",
        "uid:alice",
        "gid:0x1",
        "user:",
        "user:\"\"",
        "user:\"a\"b",
        "user:a\"b\"",
        "user:\"a\nb\"",
        "sid:",
        "sid:me",
        "any:",
        "\"any\"",
    ] {
        assert!(text.parse::<Policy>().is_err(), "{text:?}");
    }
}

#[test]
fn what_is_read_is_limited_in_words_in_their_length_and_in_depth() {
    let nested = |levels| format!("{}any{}", "(".repeat(levels), ")".repeat(levels));
    let many = |terms| vec!["any"; terms].join(" or ");
    let long = |name: usize| format!("user:{}", "x".repeat(name));
    for fits in [nested(32), "not ".repeat(32) + "any", many(512), long(251)] {
        assert!(fits.parse::<Policy>().is_ok(), "{fits}");
    }
    let far = 1 << 20;
    for (too_much, reason) in [
        (nested(33), "deeper than 32"),
        (nested(far), "more than 1024 words"),
        ("not ".repeat(33) + "any", "deeper than 32"),
        (many(513), "more than 1024 words"),
        (long(252), "more than 256 bytes"),
        (long(far), "more than 256 bytes"),
    ] {
        let error = too_much.parse::<Policy>().expect_err("too much").to_string();
        assert!(error.contains(reason), "{error}");
        assert!(error.len() < 500, "{error}");
    }
}

#[test]
fn whatever_is_written_is_read_as_the_same_policy() {
    let mut chance = Chance(1);
    for _ in 0..20_000 {
        let policy = chance.policy(6);
        let text = policy.to_string();
        assert_eq!(text.parse::<Policy>().expect(&text), policy, "{text}");
    }
}

#[test]
fn any_text_is_read_or_refused_and_what_is_read_can_be_written_and_read() {
    let mut chance = Chance(2);
    let mut read = 0;
    for _ in 0..100_000 {
        let text = chance.text();
        if let Ok(policy) = text.parse::<Policy>() {
            read += 1;
            let written = policy.to_string();
            assert_eq!(written.parse::<Policy>().expect(&written), policy, "{text:?}");
        }
    }
    assert!(read > 1_000, "only {read} were policies at all");
}

const TERMS: [&str; 14] = [
    "any",
    "same-user",
    "same-process",
    "system",
    "root",
    "uid:5",
    "gid:7",
    "user:alice",
    "group:\"all of us\"",
    "sandboxed",
    "other-mount-namespace",
    "sid:S-1-5-32-544",
    "admins",
    "uid:4294967295",
];

/// Numbers that look random and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 40).expect("24 bits") % limit
    }

    fn policy(&mut self, depth: usize) -> Policy {
        match self.below(4) {
            1 if depth > 0 => !self.policy(depth - 1),
            2 if depth > 0 => self.policy(depth - 1).and(self.policy(depth - 1)),
            3 if depth > 0 => self.policy(depth - 1).or(self.policy(depth - 1)),
            _ => TERMS[self.below(TERMS.len())].parse().expect("a term"),
        }
    }

    /// Words that may follow each other, most of them, and a few pieces of words.
    fn text(&mut self) -> String {
        const PIECES: [&str; 16] = [
            " and ", " or ", "not ", " not", "(", ")", " ", "\"", "user:", ":", "\u{2003}", "é",
            "sid:s-1-", "\n", "and", "uid",
        ];
        let mut text = String::new();
        for _ in 0..=self.below(8) {
            let often = [TERMS[self.below(TERMS.len())], PIECES[self.below(6)]];
            let words =
                if self.below(8) == 0 { [PIECES[self.below(PIECES.len())]; 2] } else { often };
            text.push_str(words[0]);
            text.push_str(words[1]);
        }
        if self.below(2) == 0 {
            text.push_str(TERMS[self.below(TERMS.len())]);
        }
        text
    }
}
