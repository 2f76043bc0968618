//! Each rule, and where it holds.

use super::text::{calls_of, code_of, has_word, hosts_in};

/// A line that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Which rule, and what it is about.
    pub(crate) rule: String,
}

/// What `text`, the content of the file at `path`, breaks.
pub(crate) fn findings(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    if path.ends_with(".rs") && !path.starts_with(THESE_RULES) {
        let code = code_of(text);
        by_line(&mut found, &code, |line| system_in_core(path, line));
        platform_choice(&mut found, path, &code);
    }
    if SOURCES.iter().any(|ending| path.ends_with(ending)) && !path.starts_with(THESE_RULES) {
        by_line(&mut found, text, left_over);
    }
    if !is_theirs(path) {
        by_line(&mut found, text, machine_path);
        by_line(&mut found, text, unknown_host);
    }
    found.sort_by_key(|finding| finding.line);
    found
}

fn by_line(found: &mut Vec<Finding>, text: &str, rule: impl Fn(&str) -> Option<String>) {
    for (index, line) in text.lines().enumerate() {
        found.extend(rule(line).map(|rule| Finding { line: index + 1, rule }));
    }
}

/// `ipc-core` knows no operating system.
fn system_in_core(path: &str, line: &str) -> Option<String> {
    let word = FOREIGN_TO_CORE.iter().find(|word| has_word(line, word))?;
    path.starts_with(CORE).then(|| format!("`{word}` in ipc-core, which makes no system call"))
}

/// Platforms are told apart where [`PLATFORM_CODE`] says, and nowhere else.
fn platform_choice(found: &mut Vec<Finding>, path: &str, code: &str) {
    if is_platform_code(path) {
        return;
    }
    for (line, condition) in calls_of(&["cfg", "cfg!", "cfg_attr"], code) {
        if let Some(word) = PLATFORM_WORDS.iter().find(|word| has_word(condition, word)) {
            let rule = format!("a choice by `{word}` outside the places for platform code");
            found.push(Finding { line, rule });
        }
    }
}

fn is_platform_code(path: &str) -> bool {
    PLATFORM_CODE.iter().any(|place| path.starts_with(place))
        || ["/tests/", "/benches/"].iter().any(|folder| path.contains(folder))
}

/// Nothing is left for later in what is committed, and no test is switched off.
fn left_over(line: &str) -> Option<String> {
    let word = LEFT_OVER.iter().find(|word| has_word(line, word))?;
    Some(format!("`{word}`: finish it, or leave it out"))
}

/// What is committed works on any machine.
fn machine_path(line: &str) -> Option<String> {
    let starts_at = |folder: &str| {
        let before = line.split_once(&format!("/{folder}/"))?.0;
        let follows_a_name = before.ends_with(|c: char| c.is_alphanumeric() || "._-}".contains(c));
        (!follows_a_name).then(|| format!("a path of one machine, below /{folder}"))
    };
    MACHINE_FOLDERS.iter().find_map(|folder| starts_at(folder))
}

/// Links lead only where somebody has looked.
fn unknown_host(line: &str) -> Option<String> {
    let host = hosts_in(line).into_iter().find(|host| !KNOWN_HOSTS.contains(host))?;
    Some(format!("a link to `{host}`, which is not among the known hosts"))
}

const CORE: &str = "crates/ipc-core/src/";
const FOREIGN_TO_CORE: [&str; 4] = ["unsafe", "libc", "rustix", "windows_sys"];

/// The places, as beginnings of paths, that may tell platforms apart; tests and benchmarks of any crate may too.
const PLATFORM_CODE: [&str; 10] = [
    // The facade's one switch.
    "src/lib.rs",
    // Whole crates for one family of systems; within it they differ where the system is called.
    "crates/ipc-unix/src/lib.rs",
    "crates/ipc-unix/src/sys",
    "crates/ipc-windows/src/lib.rs",
    "crates/ipc-windows/src/sys",
    "crates/fileserve/src/platform",
    "tests/",
    "examples/",
    // A filter of system calls, which only Linux has.
    "xtask/src/other_mechanism.rs",
    // Reads such choices, and quotes some.
    "xtask/src/evidence.rs",
];

/// Words that make a `cfg` a choice of platform.
const PLATFORM_WORDS: [&str; 8] = [
    "unix",
    "windows",
    "target_os",
    "target_family",
    "target_vendor",
    "target_env",
    "target_arch",
    "target_pointer_width",
];

/// The endings of what people write in a language for machines.
const SOURCES: [&str; 7] = [".c", ".cs", ".h", ".js", ".py", ".rs", ".sh"];

const LEFT_OVER: [&str; 6] = ["TODO", "FIXME", "XXX", "todo!", "unimplemented!", "#[ignore"];

const MACHINE_FOLDERS: [&str; 3] = ["root", "work", "home"];

const KNOWN_HOSTS: [&str; 9] = [
    "doc.rust-lang.org",
    "docs.rs",
    "example.com",
    "keepachangelog.com",
    "learn.microsoft.com",
    "localhost",
    "man7.org",
    "semver.org",
    "www.apache.org",
];

/// Files whose text is not ours: cargo writes the lock files, a fuzzer its inputs.
fn is_theirs(path: &str) -> bool {
    path.ends_with("Cargo.lock") || path.starts_with("fuzz/corpus/")
}

/// The files that name the words which are looked for.
const THESE_RULES: &str = "xtask/src/tidy/";

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        findings(path, text).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn ipc_core_may_forbid_unsafe_code_and_talk_about_it_but_not_use_it() {
        let core = "crates/ipc-core/src/a.rs";
        assert_eq!(lines(core, "#![forbid(unsafe_code)]\n// unsafe\n/// `libc`\n"), []);
        assert_eq!(lines(core, "\nlet x = unsafe { y };\nuse rustix::fs;\n"), [2, 3]);
        assert_eq!(lines("crates/ipc-unix/src/sys.rs", "unsafe { y }"), []);
    }

    #[test]
    fn a_platform_is_chosen_only_in_its_places() {
        for choice in
            ["#[cfg(unix)]", "if cfg!(windows) {", "#[cfg(all(test,\n    target_os = \"linux\"))]"]
        {
            assert_eq!(lines("crates/fileserve/src/main.rs", choice), [1], "{choice}");
            assert_eq!(lines("src/lib.rs", choice), []);
            assert_eq!(lines("crates/ipc-unix/src/sys/socket.rs", choice), []);
            assert_eq!(lines("crates/fileserve/tests/demo.rs", choice), []);
        }
        assert_eq!(lines("crates/fileserve/src/main.rs", "#[cfg(test)] mod unix;"), []);
    }

    #[test]
    fn unfinished_code_and_switched_off_tests_are_found() {
        let text = format!("// {}\n{}()\n#[ignore]\n", LEFT_OVER[0], LEFT_OVER[3]);
        assert_eq!(lines("src/lib.rs", &text), [1, 2, 3]);
        assert_eq!(lines("tool/part.c", &text), [1, 2, 3]);
        assert_eq!(lines("tool/part.patch", &text), []);
    }

    #[test]
    fn a_path_of_one_machine_is_found_and_a_longer_name_is_not() {
        let path = |folder: &str| format!("see /{folder}/notes");
        assert_eq!(lines("README.md", &path(MACHINE_FOLDERS[1])), [1]);
        assert_eq!(lines("README.md", &path("my-work")), []);
        assert_eq!(lines("build.sh", "$base/root/bin, ${base}/root/bin"), []);
    }

    #[test]
    fn a_link_to_an_unknown_host_is_found() {
        let link = |host: &str| format!("[x](https{}{host}/page)", "://");
        assert_eq!(lines("README.md", &link("docs.rs")), []);
        assert_eq!(lines("README.md", &link("registry.invalid")), [1]);
        assert_eq!(lines("README.md", "an endpoint such as pipe://host/name"), []);
    }
}
