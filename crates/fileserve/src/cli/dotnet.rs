//! `fileserve get --compat dotnet`.

use fileserve::dotnet::{self, Extent};
use fileserve::platform::words;
use fileserve::{Error, platform};
use ipc_core::{Deadline, ImpersonationLevel};

use super::args::Get;
use super::endpoint::Compat;
use super::reach::{options, unreachable};
use super::{Failed, exit, print, say, shown};

pub(crate) fn get(arguments: &Get) -> Result<(), Failed> {
    let doing = format!("get `{}`", shown(&arguments.path));
    let Some(name) = arguments.path.to_str() else {
        return Err(Failed::because(exit::USAGE, format!("{doing}, which is no Unicode")));
    };
    if !words::CARRIES_LEVELS && arguments.reach.level != ImpersonationLevel::Impersonation {
        let doing = format!("{doing} with `--level`: this protocol has no place for a level");
        return Err(Failed::because(exit::USAGE, doing));
    }
    let deadline = Deadline::from(arguments.reach.timeout);
    let endpoint = arguments.reach.endpoint.endpoint(Some(Compat::Dotnet))?;
    let options = options(&arguments.reach, deadline)?;
    let connection = platform::transport()
        .connect(&endpoint, &options)
        .map_err(|error| unreachable(&options, &endpoint, error))?;
    let fetched = dotnet::fetch(&*connection, name, deadline).map_err(|error| {
        let is_wordless = matches!(error, Error::Wordless { .. });
        let failed = Failed::new(&doing, error);
        if is_wordless { failed.with_hint(WORDLESS) } else { failed }
    })?;
    print(&fetched.text)?;
    match fetched.extent {
        Extent::Whole => Ok(()),
        Extent::Full => {
            say("fileserve: that is as much as this protocol can carry, and perhaps not all");
            Ok(())
        }
        Extent::Cut => {
            let all = format!("{doing} whole: the server has cut it to what this protocol carries");
            Err(Failed::because(exit::INCOMPLETE, all))
        }
    }
}

const WORDLESS: &str =
    "this protocol has no words for the reason; whoever runs the server finds it there";
