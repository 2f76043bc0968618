//! Tests whose names begin with the numbers of lines: each stands in exactly those.

use super::rows::{Line, Place, Rows};
use crate::evidence::{Evidence, System};

/// A test that is named after lines.
#[derive(Debug)]
pub(super) struct Numbered {
    evidence: Evidence,
    name: String,
    numbers: Vec<u32>,
}

/// The numbered tests in the file `path`.
pub(super) fn tests_in(path: &str, text: &str) -> Vec<Numbered> {
    let names = text.lines().filter_map(|line| {
        let name = line.trim().strip_prefix("fn ")?.split_once('(')?.0;
        (!numbers_of(name).is_empty()).then(|| name.to_owned())
    });
    names
        .map(|name| Numbered {
            evidence: Evidence::Test { path: path.to_owned(), name: name.clone() },
            numbers: numbers_of(&name),
            name,
        })
        .collect()
}

/// `[1, 54]` for `t01_t54_name`.
fn numbers_of(name: &str) -> Vec<u32> {
    name.split('_').map_while(number).collect()
}

fn number(word: &str) -> Option<u32> {
    let digits = word.strip_prefix('t').filter(|digits| digits.len() == 2)?;
    digits.parse().ok()
}

impl Numbered {
    /// Where it should stand and does not, or stands and should not.
    pub(super) fn faults(&self, rows: &Rows, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
        let unknown = self
            .numbers
            .iter()
            .filter(|number| !rows.lines.iter().any(|line| line.number == **number));
        let unknown = unknown.map(|number| format!("`{}`: there is no T-{number:02}", self.name));
        let by_line = rows.lines.iter().filter_map(|line| self.fault_in(line, read));
        unknown.chain(by_line).collect()
    }

    fn fault_in(&self, line: &Line, read: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let (name, of) = (&self.name, line.name());
        let stands_in = |place| line.shown_in(place).any(|evidence| *evidence == self.evidence);
        if !self.numbers.contains(&line.number) {
            let stands = Place::ALL.into_iter().any(stands_in);
            return stands.then(|| format!("{of}: `{name}` has the number of another line"));
        }
        let runs_on = |system| self.evidence.fault(system, read).is_none();
        if runs_on(System::Linux) && !stands_in(Place::Linux) {
            return Some(format!("{of}: `{name}` runs on Linux and does not stand there"));
        }
        let on_windows = stands_in(Place::Wine) || stands_in(Place::Windows);
        (runs_on(System::Windows) && !on_windows)
            .then(|| format!("{of}: `{name}` runs on Windows and does not stand there"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::*;

    const TEXT: &str =
        "#[test]\nfn t01_t02_f() {}\nfn t03() {}\n#[test]\nfn t1_g() {}\nfn tab_h() {}";

    fn rows(second: &str) -> Rows {
        let line =
            |number: u32, shown: &str| format!("line T-0{number}\nattack a\npromise p\n{shown}\n");
        let everywhere = "test linux wine tests/a.rs t01_t02_f";
        rows::parse(&format!("{}{}", line(1, everywhere), line(2, second))).expect("readable")
    }

    fn faults(second: &str) -> Vec<String> {
        let tests = tests_in("tests/a.rs", TEXT);
        tests[0].faults(&rows(second), &|_| Some(TEXT.to_owned()))
    }

    #[test]
    fn names_begin_with_the_numbers_of_their_lines() {
        assert_eq!(numbers_of("t01_t54_a_name_of_t02"), [1, 54]);
        assert_eq!(numbers_of("the_t01"), []);
        let found: Vec<String> =
            tests_in("tests/a.rs", TEXT).into_iter().map(|test| test.name).collect();
        assert_eq!(found, ["t01_t02_f", "t03"]);
    }

    #[test]
    fn a_numbered_test_stands_in_each_of_its_lines_wherever_it_runs() {
        assert_eq!(faults("test linux wine tests/a.rs t01_t02_f"), [""; 0]);
        assert_eq!(faults("test linux windows tests/a.rs t01_t02_f"), [""; 0]);
        for (second, why) in [
            ("", "T-02: `t01_t02_f` runs on Linux"),
            ("test linux tests/a.rs t01_t02_f", "T-02: `t01_t02_f` runs on Windows"),
        ] {
            assert!(faults(second).iter().any(|fault| fault.contains(why)), "{why}");
        }
    }

    #[test]
    fn a_number_without_a_line_and_a_line_of_another_number_are_faults() {
        let text = "#[test]\nfn t09_f() {}\n#[test]\nfn t02_g() {}";
        let tests = tests_in("tests/a.rs", text);
        let rows = rows("");
        let of = |test: &Numbered| test.faults(&rows, &|_| Some(text.to_owned())).join(", ");
        assert!(of(&tests[0]).contains("no T-09"), "{}", of(&tests[0]));
        let rows = self::rows("test linux wine tests/a.rs t01_f");
        let other = tests_in("tests/a.rs", "#[test]\nfn t01_f() {}");
        let faults = other[0].faults(&rows, &|_| None).join(", ");
        assert!(faults.contains("number of another line"), "{faults}");
    }
}
