//! Who uses a Wine prefix at the moment.
//!
//! A prefix has one server for all that runs in it, and ending the server ends all of it. Of several
//! `cargo xtask windows` at the same time, such as a server in one terminal and its client in
//! another, the last one does so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use crate::workspace::{Result, failed};

/// The users of a prefix, each a file that is named after the process.
#[derive(Debug)]
pub(super) struct Users {
    folder: PathBuf,
}

impl Users {
    /// The users of the prefix at `prefix`.
    pub(super) fn of(prefix: &Path) -> Self {
        Self { folder: prefix.join("users") }
    }

    /// Adds this process.
    pub(super) fn enter(&self) -> Result {
        fs::create_dir_all(&self.folder).map_err(|why| failed("create", &self.folder, &why))?;
        fs::write(self.own(), "").map_err(|why| failed("write", &self.own(), &why))
    }

    /// Takes this process out, and says whether it was the last one.
    pub(super) fn leave(&self) -> Result<bool> {
        fs::remove_file(self.own()).map_err(|why| failed("remove", &self.own(), &why))?;
        let users = fs::read_dir(&self.folder).map_err(|why| failed("read", &self.folder, &why))?;
        let others = users.flatten().filter(|user| runs(Path::new(&user.file_name()))).count();
        Ok(others == 0)
    }

    fn own(&self) -> PathBuf {
        self.folder.join(process::id().to_string())
    }
}

/// Whether the process that `id` names still runs; one that was killed could not take itself out.
fn runs(id: &Path) -> bool {
    Path::new("/proc").join(id).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_user_is_told_so_and_one_that_was_killed_does_not_count() {
        let prefix = std::env::temp_dir().join(format!("xtask-users-{}", process::id()));
        let users = Users::of(&prefix);
        users.enter().expect("the temporary folder can be written");
        fs::write(users.folder.join("1"), "").expect("the folder is there");
        fs::write(users.folder.join("4294967295"), "").expect("the folder is there");
        assert_eq!(users.leave(), Ok(!runs(Path::new("1"))));

        fs::remove_file(users.folder.join("1")).expect("it was written above");
        users.enter().expect("the temporary folder can be written");
        assert_eq!(users.leave(), Ok(true));
        fs::remove_dir_all(prefix).expect("nobody else knows of it");
    }
}
