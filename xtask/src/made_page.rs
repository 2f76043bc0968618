//! Pages of the documentation that are made from rows which are written by hand.

use crate::workspace::{Result, Workspace};

/// A page, and how it is made.
pub(crate) struct MadePage {
    /// What is written by hand; its beginning says how.
    pub(crate) source: &'static str,
    /// What people read.
    pub(crate) page: &'static str,
    /// The command that writes it.
    pub(crate) command: &'static str,
    /// Checks the rows and makes the page's text of them.
    pub(crate) make: fn(&Workspace) -> Result<String>,
}

impl MadePage {
    /// Writes the page anew.
    pub(crate) fn write(&self, workspace: &Workspace) -> Result {
        let text = (self.make)(workspace)?;
        std::fs::write(workspace.path(self.page), text)
            .map_err(|why| format!("cannot write {}: {why}", self.page))
    }

    /// Checks the rows, and that the page is what comes of them.
    pub(crate) fn check(&self, workspace: &Workspace) -> Result {
        if (self.make)(workspace)? == workspace.read(self.page)? {
            return Ok(());
        }
        let Self { source, page, command, .. } = self;
        Err(format!("{page} is not what {source} makes; run `{command}`"))
    }
}
