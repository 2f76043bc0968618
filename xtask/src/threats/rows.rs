//! The lines: what their source says, and whether each is whole.
//!
//! `line T-NN` begins one, `attack TEXT` and `promise TEXT` follow. `test PLACES PATH NAME` and
//! `case PLACES GROUP::NAME` show the promise kept in those places, `linux`, `wine` or `windows`;
//! `none PLACE REASON` says that there is nothing to show, and `missing PLACE REASON` that something
//! should be shown and is not yet. Text before the first line begins the page; a line that begins with
//! `%` is for those who write.

use crate::evidence::{Evidence, System};

/// Where a promise is shown to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Linux,
    Wine,
    /// What Wine does not tell the truth about.
    Windows,
}

#[derive(Debug)]
pub(super) struct Rows {
    /// What stands above the table.
    pub(super) introduction: Vec<String>,
    pub(super) lines: Vec<Line>,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u32,
    pub(super) attack: String,
    pub(super) promise: String,
    pub(super) shown: Vec<(Place, Evidence)>,
    pub(super) none: Vec<(Place, String)>,
    pub(super) missing: Vec<(Place, String)>,
}

/// What the source says.
pub(super) fn parse(source: &str) -> Result<Rows, String> {
    let mut rows = Rows { introduction: Vec::new(), lines: Vec::new() };
    for (index, line) in source.lines().enumerate().filter(|(_, line)| !line.starts_with('%')) {
        rows.take(line).map_err(|why| format!("line {}: {why}", index + 1))?;
    }
    Ok(rows)
}

impl Rows {
    /// What should be shown and is not.
    pub(super) fn missing(&self) -> impl Iterator<Item = (&Line, Place, &str)> {
        self.lines.iter().flat_map(|line| {
            line.missing.iter().map(move |(place, reason)| (line, *place, reason.as_str()))
        })
    }

    fn take(&mut self, text: &str) -> Result<(), String> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        if word == "line" {
            let next = self.lines.len() + 1;
            if rest != format!("T-{next:02}") {
                return Err(format!("`{rest}` where T-{next:02} should follow"));
            }
            self.lines.push(Line::new(u32::try_from(next).map_err(|why| why.to_string())?));
            return Ok(());
        }
        match self.lines.last_mut() {
            None => self.introduction.push(text.to_owned()),
            Some(_) if text.is_empty() => {}
            Some(line) => line.take(word, rest)?,
        }
        Ok(())
    }
}

impl Line {
    fn new(number: u32) -> Self {
        Self {
            number,
            attack: String::new(),
            promise: String::new(),
            shown: Vec::new(),
            none: Vec::new(),
            missing: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> String {
        format!("T-{:02}", self.number)
    }

    pub(super) fn shown_in(&self, place: Place) -> impl Iterator<Item = &Evidence> {
        self.shown.iter().filter(move |(other, _)| *other == place).map(|(_, one)| one)
    }

    fn take(&mut self, word: &str, rest: &str) -> Result<(), String> {
        match word {
            "attack" => self.attack = rest.to_owned(),
            "promise" => self.promise = rest.to_owned(),
            "test" | "case" => {
                let (places, what) = places_before(rest)?;
                let evidence = Evidence::parse(&format!("{word} {what}"));
                let evidence = evidence.ok_or_else(|| format!("`{what}` names no {word}"))?;
                self.shown.extend(places.into_iter().map(|place| (place, evidence.clone())));
            }
            "none" => self.none.extend(reasons(rest)?),
            "missing" => self.missing.extend(reasons(rest)?),
            _ => return Err(format!("`{word}` is none of the words of a line")),
        }
        Ok(())
    }

    /// What is wrong with the line. `not_under_wine` are tests that are left out there.
    pub(super) fn faults(
        &self,
        not_under_wine: &[String],
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        if self.attack.is_empty() || self.promise.is_empty() {
            faults.push("the attack or the promise is not told".to_owned());
        }
        faults.extend(Place::ALL.into_iter().filter_map(|place| self.gap(place)));
        for (place, evidence) in &self.shown {
            faults.extend(evidence.fault(place.system(), read));
            if let Evidence::Test { name, .. } = evidence {
                if *place == Place::Wine && not_under_wine.contains(name) {
                    faults.push(format!("`{name}` is left out under Wine"));
                }
            }
        }
        faults.iter().map(|fault| format!("{}: {fault}", self.name())).collect()
    }

    /// Whether it is not said how the promise is shown in `place`, or said twice.
    fn gap(&self, place: Place) -> Option<String> {
        let has = |list: &[(Place, String)]| list.iter().any(|(other, _)| *other == place);
        let shown = self.shown_in(place).next().is_some();
        let as_wine = place == Place::Windows && self.shown_in(Place::Wine).next().is_some();
        if has(&self.none) && (shown || has(&self.missing)) {
            return Some(format!("nothing to show on {}, and something", place.name()));
        }
        if shown || as_wine || has(&self.none) || has(&self.missing) {
            return None;
        }
        Some(format!("no test on {}, and no reason why", place.name()))
    }
}

impl Place {
    pub(super) const ALL: [Self; 3] = [Self::Linux, Self::Wine, Self::Windows];

    /// As people read it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Wine => "Wine",
            Self::Windows => "real Windows",
        }
    }

    /// What its tests are compiled for.
    pub(super) fn system(self) -> System {
        match self {
            Self::Linux => System::Linux,
            Self::Wine | Self::Windows => System::Windows,
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word {
            "linux" => Some(Self::Linux),
            "wine" => Some(Self::Wine),
            "windows" => Some(Self::Windows),
            _ => None,
        }
    }
}

/// The places at the beginning of `text`, at least one, and what follows.
fn places_before(text: &str) -> Result<(Vec<Place>, &str), String> {
    let (mut places, mut rest) = (Vec::new(), text);
    while let Some((word, behind)) = rest.split_once(' ') {
        let Some(place) = Place::parse(word) else { break };
        places.push(place);
        rest = behind;
    }
    if places.is_empty() { Err(format!("no place in `{text}`")) } else { Ok((places, rest)) }
}

fn reasons(text: &str) -> Result<impl Iterator<Item = (Place, String)> + use<>, String> {
    let (places, reason) = places_before(text)?;
    let reason = reason.to_owned();
    Ok(places.into_iter().map(move |place| (place, reason.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "# Title\n% for writers\n\nline T-01\nattack an attack\npromise a promise\n\
                         test linux wine tests/a.rs t01_f\nmissing windows two users\n";

    fn faults(source: &str) -> Vec<String> {
        let read = |path: &str| (path == "tests/a.rs").then(|| "#[test]\nfn t01_f() {}".to_owned());
        let rows = parse(source).expect("readable");
        rows.lines
            .iter()
            .flat_map(|line| line.faults(&["t01_left_out".to_owned()], &read))
            .collect()
    }

    #[test]
    fn a_line_says_where_its_promise_is_shown_and_where_that_is_missing() {
        let rows = parse(WHOLE).expect("whole");
        assert_eq!(rows.introduction, ["# Title", ""]);
        assert_eq!(rows.lines[0].shown_in(Place::Wine).count(), 1);
        assert_eq!(rows.missing().count(), 1);
        assert_eq!(faults(WHOLE), [""; 0]);
    }

    #[test]
    fn a_place_without_a_test_and_without_a_reason_is_a_fault() {
        for (from, to, why) in [
            ("linux wine tests", "wine tests", "no test on Linux"),
            ("linux wine tests", "linux tests", "no test on Wine"),
            ("missing windows", "none wine", "nothing to show on Wine"),
            ("t01_f", "t01_g", "no function"),
            ("t01_f", "t01_left_out", "left out under Wine"),
            ("promise a promise\n", "", "is not told"),
        ] {
            let faults = faults(&WHOLE.replace(from, to));
            assert!(faults.iter().any(|fault| fault.contains(why)), "{why}: {faults:?}");
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for (from, to, why) in [
            ("T-01", "T-02", "T-01 should follow"),
            ("attack", "atack", "none of the words"),
            ("linux wine", "beos", "no place"),
            ("missing windows two users", "missing windows", "no place"),
            ("tests/a.rs t01_f", "tests/a.rs", "names no test"),
        ] {
            let error = parse(&WHOLE.replace(from, to)).expect_err(why);
            assert!(error.contains(why), "{why}: {error}");
        }
    }
}
