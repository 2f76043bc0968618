//! Paths as people type them, and as they travel.
#![allow(clippy::disallowed_methods, reason = "paths of the client's own")]

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{self, Component, Path, PathBuf};

/// Whether what a person typed begins at the top of a system.
#[must_use]
pub fn is_from_top(typed: &OsStr) -> bool {
    typed.as_bytes().starts_with(b"/")
}

/// The path from this system's top, without a `..`: none travels, and what one leads to depends on
/// the links before it, so the system is asked.
///
/// # Errors
/// What the system said.
pub fn from_top(typed: &Path) -> io::Result<PathBuf> {
    let absolute = path::absolute(typed)?;
    let parts: Vec<Component<'_>> = absolute.components().collect();
    let Some(last) = parts.iter().rposition(|part| *part == Component::ParentDir) else {
        return Ok(absolute);
    };
    let (up, rest) = parts.split_at(last + 1);
    let mut found = fs::canonicalize(up.iter().collect::<PathBuf>())?;
    found.extend(rest);
    if typed.as_os_str().as_bytes().ends_with(b"/") {
        found.push(""); // still a directory or nothing
    }
    Ok(found)
}

/// A path of this system as it travels: its very bytes. `None` for one that cannot travel.
#[must_use]
pub fn wire_path(path: &OsStr) -> Option<Vec<u8>> {
    Some(path.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_goes_up_is_found_where_the_system_would_find_it() {
        let place = tempfile::tempdir().expect("a directory");
        let place = place.path().canonicalize().expect("is there");
        fs::create_dir_all(place.join("a/deep")).expect("made");
        symlink("a/deep", place.join("link")).expect("made");
        for (typed, found) in [
            ("a/deep/../x", "a/x"),
            ("link/../x", "a/x"),
            ("link/./../../y/z", "y/z"),
            ("a/../missing/", "missing/"),
            ("link/x", "link/x"),
            ("link/x/", "link/x/"),
        ] {
            let path = from_top(&place.join(typed)).expect("is there");
            assert_eq!(path.as_os_str(), place.join(found).as_os_str(), "{typed}");
        }
        let parent = from_top(&place.join("..")).expect("is there");
        assert_eq!(Some(parent.as_path()), place.parent());
        let error = from_top(&place.join("missing/../x")).expect_err("as the system says");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
