//! `--landlock`: a fence around the server, and what is said of it at start.

use std::io;
use std::path::Path;

use clap::ValueEnum;
use fileserve::platform::{self, words};
use ipc_core::Endpoint;

use super::Failed;
use super::args::What;

/// When a server is fenced in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FenceName {
    /// Where the system has Landlock, and a directory is served
    Auto,
    /// Always, or it does not serve
    On,
    /// Never
    Off,
}

impl FenceName {
    /// Fences this process in, which must have one thread and listen at `endpoint` already, and
    /// tells the operator. Below `log` it may go on to make and write files.
    pub(crate) fn raise(
        self,
        what: &What,
        log: Option<&Path>,
        endpoint: &Endpoint,
    ) -> Result<Option<String>, Failed> {
        let (served, below) = match &what.root {
            Some(root) => (root.as_path(), format!("below `{}`", root.display())),
            None => (Path::new("/"), "every file".to_owned()),
        };
        let says = |text: String| Ok(words::HAS_FENCE.then(|| format!("  fenced   {text}")));
        match self {
            Self::Off => return says("no, as it was asked for".to_owned()),
            Self::Auto if what.root.is_none() => {
                return says(
                    "no, for it serves every file; `--landlock on` keeps it from writing"
                        .to_owned(),
                );
            }
            Self::Auto | Self::On => {}
        }
        let writes = log.map(|log| format!(", writes in `{}`", log.display()));
        let writes = writes.unwrap_or_default();
        match platform::fence_in(served, log.as_slice(), endpoint) {
            Ok(by) => says(format!(
                "by the kernel ({by}): it reads {below}{writes}, removes its socket, and can do \
                 nothing else with files"
            )),
            Err(why) if self == Self::Auto && why.kind() == io::ErrorKind::Unsupported => {
                says(format!("no: {why}"))
            }
            Err(why) => Err(Failed::system("fence this server in (`--landlock`)", why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn where_there_can_be_no_fence_the_server_says_so_or_does_not_start() {
        let endpoint = "unix:@fileserve-test-no-fence".parse().expect("an endpoint");
        let root = |root: Option<&str>| What { root: root.map(PathBuf::from), any_path: true };
        let raise = |fence: FenceName, what| fence.raise(&what, None, &endpoint);
        // A test has a thread beside it, which would stay outside; some systems have no fences.
        let said = raise(FenceName::Auto, root(Some("/"))).expect("it goes without");
        assert_eq!(said.is_some(), words::HAS_FENCE);
        assert!(said.is_none_or(|said| said.starts_with("  fenced   no: ")));
        raise(FenceName::On, root(Some("/"))).expect_err("it was asked for");
        raise(FenceName::On, root(None)).expect_err("it was asked for");
        for (fence, root) in [(FenceName::Off, root(Some("/"))), (FenceName::Auto, root(None))] {
            let said = raise(fence, root).expect("none is wanted");
            assert!(said.is_none_or(|said| said.starts_with("  fenced   no, ")));
        }
    }
}
