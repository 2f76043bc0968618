//! What shows that something a page says is true: tests, which must be there and compiled for that system; or an
//! honest word that there are none.

/// A column of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Linux,
    Windows,
    Bsd,
}

impl System {
    pub(crate) const ALL: [Self; 3] = [Self::Linux, Self::Windows, Self::Bsd];

    /// As the head of a column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
            Self::Bsd => "macOS, FreeBSD",
        }
    }

    /// As the source says it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Windows => "windows",
            Self::Bsd => "bsd",
        }
    }

    /// The run of its tests, as the list of accepted skips calls it.
    pub(crate) fn run(self) -> Option<&'static str> {
        match self {
            Self::Linux => Some("Linux"),
            Self::Windows => Some("honest Wine"),
            Self::Bsd => None,
        }
    }

    /// Where its tests run.
    fn tested_on(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Wine",
            Self::Bsd => "nowhere",
        }
    }

    /// Code that is not compiled for it, by the beginnings of paths.
    fn foreign(self) -> &'static [&'static str] {
        match self {
            Self::Windows => &["crates/ipc-unix/", "crates/fileserve/src/platform/unix"],
            _ => &["crates/ipc-windows/", "crates/fileserve/src/platform/windows"],
        }
    }

    /// Whether code under that `cfg` is compiled for it. What is not known here is not.
    fn compiles(self, condition: &str) -> bool {
        match condition {
            "test" => true,
            "unix" => self != Self::Windows,
            "windows" => self == Self::Windows,
            "target_os = \"linux\"" => self == Self::Linux,
            _ => false,
        }
    }
}

/// What shows that a cell is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The function `name` in the file `path` is a test that runs there.
    Test { path: String, name: String },
    /// A case of the conformance suite, `group::name`, which the system's own transport passes.
    Case(String),
    /// It is only compiled.
    Check,
    /// It is only written, there.
    Documentation(String),
}

impl Evidence {
    /// As a line of the source has it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (kind, rest.trim()) {
            ("test", rest) => {
                let (path, name) = rest.split_once(' ')?;
                Some(Self::Test { path: path.to_owned(), name: name.trim().to_owned() })
            }
            ("case", name) if name.contains("::") => Some(Self::Case(name.to_owned())),
            ("check", "") => Some(Self::Check),
            ("documentation", source) if !source.is_empty() => {
                Some(Self::Documentation(source.to_owned()))
            }
            _ => None,
        }
    }

    /// How the page shows it, and under which heading.
    pub(crate) fn shown(&self, system: System) -> (&'static str, String) {
        match self {
            Self::Test { path, name } => (system.tested_on(), format!("[`{name}`](../{path})")),
            Self::Case(name) => {
                let (group, _) = name.split_once("::").unwrap_or((name, ""));
                let path = format!("../{}", case_file(group));
                (system.tested_on(), format!("[`{name}`]({path})"))
            }
            Self::Check => ("cross-check only", String::new()),
            Self::Documentation(source) => ("documentation only", source.clone()),
        }
    }

    /// Why it shows nothing about `system`, if it does not. `read` gives a file of the workspace.
    pub(crate) fn fault(
        &self,
        system: System,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Option<String> {
        match self {
            Self::Test { path, name } => test_fault(path, name, system, read),
            Self::Case(name) => case_fault(name, system, read),
            Self::Check | Self::Documentation(_) => None,
        }
    }
}

fn test_fault(
    path: &str,
    name: &str,
    system: System,
    read: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    if system == System::Bsd {
        return Some("no test runs there".to_owned());
    }
    if let Some(folder) = system.foreign().iter().find(|folder| path.starts_with(**folder)) {
        return Some(format!("nothing below `{folder}` runs there"));
    }
    let Some(text) = read(path) else {
        return Some(format!("there is no file `{path}`"));
    };
    let Some(attributes) = attributes_of(&text, name) else {
        return Some(format!("there is no function `{name}` in `{path}`"));
    };
    if !attributes.contains(&"#[test]") {
        return Some(format!("`{name}` in `{path}` is no test"));
    }
    let whole = text.lines().filter_map(|line| inside(line, "#![cfg("));
    let own = attributes.iter().filter_map(|line| inside(line, "#[cfg("));
    let condition = whole.chain(own).find(|condition| !system.compiles(condition))?;
    Some(format!("`{name}` in `{path}` is compiled for `{condition}` only"))
}

/// The attributes directly above the function `name`; `None` if there is no such function.
fn attributes_of<'a>(text: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.starts_with(&format!("fn {name}(")))?;
    let above = lines[..at].iter().rev().copied();
    Some(above.take_while(|line| line.starts_with("#[") || line.starts_with("//")).collect())
}

fn inside<'a>(line: &'a str, opening: &str) -> Option<&'a str> {
    line.strip_prefix(opening)?.strip_suffix(")]")
}

fn case_fault(name: &str, system: System, read: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let runs = match system {
        System::Linux => "crates/ipc-unix/tests/conformance.rs",
        System::Windows => "crates/ipc-windows/tests/conformance.rs",
        System::Bsd => return Some("the suite runs nowhere there".to_owned()),
    };
    if !read(runs).is_some_and(|text| text.contains("conformance!(")) {
        return Some(format!("`{runs}` does not run the suite"));
    }
    let (group, case) = name.split_once("::")?;
    let listed = read(LIST).is_some_and(|list| list.lines().any(|line| line.trim() == case));
    let written = read(&case_file(group))
        .is_some_and(|text| text.lines().any(|line| line.starts_with(&format!("pub fn {case}("))));
    (!listed || !written).then(|| format!("the suite has no case `{name}`"))
}

fn case_file(group: &str) -> String {
    format!("crates/ipc-testkit/src/cases/{group}.rs")
}

/// Where the suite's cases are listed.
const LIST: &str = "crates/ipc-testkit/src/list.rs";

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of tests for Unix. Put together here, for no choice of a platform is made by it.
    fn file() -> String {
        let (for_unix, for_linux) = ("(unix)]", "(target_os = \"linux\")]");
        format!(
            "#![cfg{for_unix}\n\n/// What it is about.\n#[test]\nfn there() {{}}\n\n\
             #[test]\n#[cfg{for_linux}\nfn on_linux() {{}}\n\nfn helper() {{}}\n"
        )
    }

    fn fault(evidence: &str, system: System) -> Option<String> {
        let read = |path: &str| match path {
            "tests/a.rs" | "crates/ipc-unix/tests/a.rs" => Some(file()),
            LIST => Some("            a_case\n".to_owned()),
            "crates/ipc-testkit/src/cases/closing.rs" => {
                Some("pub fn a_case(h: &H) {\n".to_owned())
            }
            "crates/ipc-unix/tests/conformance.rs" => {
                Some("ipc_testkit::conformance!(x".to_owned())
            }
            _ => None,
        };
        Evidence::parse(evidence).expect("evidence").fault(system, &read)
    }

    #[test]
    fn a_test_counts_if_it_is_there_and_compiled_for_that_system() {
        assert_eq!(fault("test tests/a.rs there", System::Linux), None);
        assert_eq!(fault("test tests/a.rs on_linux", System::Linux), None);
        for (evidence, system, why) in [
            ("test tests/b.rs there", System::Linux, "no file"),
            ("test tests/a.rs elsewhere", System::Linux, "no function"),
            ("test tests/a.rs helper", System::Linux, "no test"),
            ("test tests/a.rs there", System::Windows, "`unix` only"),
            ("test crates/ipc-unix/tests/a.rs there", System::Windows, "nothing below"),
            ("test tests/a.rs there", System::Bsd, "no test runs"),
        ] {
            let fault = fault(evidence, system).expect(evidence);
            assert!(fault.contains(why), "{evidence}: {fault}");
        }
    }

    #[test]
    fn a_case_counts_where_the_suite_runs() {
        assert_eq!(fault("case closing::a_case", System::Linux), None);
        assert!(fault("case closing::another", System::Linux).is_some());
        assert!(fault("case closing::a_case", System::Windows).is_some());
        assert!(fault("case closing::a_case", System::Bsd).is_some());
    }

    #[test]
    fn an_honest_word_is_no_fault_and_an_unknown_one_no_evidence() {
        assert_eq!(fault("check", System::Bsd), None);
        assert_eq!(fault("documentation unix(7)", System::Windows), None);
        for text in ["", "believe me", "check twice", "documentation", "test name", "case name"] {
            assert_eq!(Evidence::parse(text), None, "{text}");
        }
    }
}
