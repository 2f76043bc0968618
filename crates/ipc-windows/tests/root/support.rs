//! What the tests of served directories share.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use ipc_core::files::{FileKind, Metadata, Open, RelativePath, Root};
use ipc_core::{AsPeer, ErrorKind, Result};
use ipc_windows::WindowsRoot;

/// Runs `work` with this process's own rights, which are what is served here.
#[allow(clippy::disallowed_methods, reason = "the test serves itself")]
pub(crate) fn as_oneself<R>(work: impl FnOnce(&AsPeer) -> R) -> R {
    AsPeer::attest(work)
}

/// Opens `path` as oneself.
pub(crate) fn open(root: &WindowsRoot, path: &str, how: Open) -> Result<File> {
    let path = RelativePath::new(path.as_bytes())?;
    as_oneself(|by| root.open(by, &path, how))
}

/// Looks at `path` as oneself.
pub(crate) fn stat(root: &WindowsRoot, path: &str) -> Result<Metadata> {
    let path = RelativePath::new(path.as_bytes())?;
    as_oneself(|by| root.stat(by, &path))
}

/// The kind of the refusal to read `path`; `None` if it is opened.
pub(crate) fn refusal(root: &WindowsRoot, path: &str) -> Option<ErrorKind> {
    open(root, path, Open::Read).err().map(|error| error.kind())
}

/// The first bytes of `file`.
pub(crate) fn head(root: &WindowsRoot, file: &File) -> Vec<u8> {
    let mut buffer = vec![0; 16];
    let count = root.read_at(file, &mut buffer, 0).expect("read");
    buffer.truncate(count);
    buffer
}

pub(crate) fn root(path: impl AsRef<Path>) -> WindowsRoot {
    WindowsRoot::open_dir(path).expect("the directory opens")
}

/// Makes a junction at `link` that leads to the directory `to`. Returns whether there is one then.
pub(crate) fn junction(root: &WindowsRoot, link: &Path, to: &Path) -> bool {
    let mut command = Command::new("cmd");
    command.args(["/c", "mklink", "/J"]).arg(link).arg(to);
    let outcome = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let name = link.file_name().and_then(|name| name.to_str()).expect("a name");
    outcome.is_ok_and(|status| status.success())
        && stat(root, name).is_ok_and(|found| found.kind == FileKind::Link)
}
