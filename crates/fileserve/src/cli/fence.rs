//! `--landlock`: a fence around the server, and what is said of it at start.

use std::io;
use std::path::Path;

use clap::ValueEnum;
use fileserve::platform::{self, words};
use ipc_core::Endpoint;

use super::Failed;
use super::access::AccessName;
use super::args::What;

/// When a server is fenced in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FenceName {
    /// Where the system has Landlock, unless every file is served
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
        reads: Reads<'_>,
        log: Option<&Path>,
        endpoint: &Endpoint,
    ) -> Result<Option<String>, Failed> {
        let (served, what) = match reads {
            Reads::Nothing => (None, "opens nothing".to_owned()),
            Reads::Below(root) => (Some(root), format!("reads below `{}`", root.display())),
            Reads::Everything => (Some(Path::new("/")), "reads every file".to_owned()),
        };
        let says = |text: String| Ok(words::HAS_FENCE.then(|| format!("  fenced   {text}")));
        match self {
            Self::Off => return says("no, as it was asked for".to_owned()),
            Self::Auto if reads == Reads::Everything => {
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
                "by the kernel ({by}): it {what}{writes}, can remove its socket and what else lies in \
                 that directory, and do nothing else with files"
            )),
            Err(why) if self == Self::Auto && why.kind() == io::ErrorKind::Unsupported => {
                says(format!("no: {why}"))
            }
            Err(why) => Err(Failed::system("fence this server in (`--landlock`)", why)),
        }
    }
}

/// What a server opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads<'a> {
    /// Nothing: its clients do.
    Nothing,
    /// What lies below that directory.
    Below(&'a Path),
    /// What its clients name.
    Everything,
}

impl<'a> Reads<'a> {
    /// What such a server opens.
    pub(crate) fn of(what: &'a What, access: AccessName) -> Self {
        match &what.root {
            _ if access == AccessName::ClientOpens => Self::Nothing,
            Some(root) => Self::Below(root),
            None => Self::Everything,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_can_be_no_fence_the_server_says_so_or_does_not_start() {
        let endpoint = "unix:@fileserve-test-no-fence".parse().expect("an endpoint");
        let below = Reads::Below("/".as_ref());
        let raise = |fence: FenceName, reads| fence.raise(reads, None, &endpoint);
        // A test has a thread beside it, which would stay outside; some systems have no fences.
        for reads in [below, Reads::Nothing] {
            let said = raise(FenceName::Auto, reads).expect("it goes without");
            assert_eq!(said.is_some(), words::HAS_FENCE);
            assert!(said.is_none_or(|said| said.starts_with("  fenced   no: ")));
        }
        for reads in [Reads::Nothing, below, Reads::Everything] {
            raise(FenceName::On, reads).expect_err("it was asked for");
        }
        for (fence, reads) in [(FenceName::Off, below), (FenceName::Auto, Reads::Everything)] {
            let said = raise(fence, reads).expect("none is wanted");
            assert!(said.is_none_or(|said| said.starts_with("  fenced   no, ")));
        }
    }
}
