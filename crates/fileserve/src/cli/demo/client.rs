//! A client of the demonstration: asks for each file, and says what came of it.

use std::collections::BTreeMap;
use std::io;

use fileserve::platform;
use fileserve::protocol::{Part, WirePath};
use ipc_core::ImpersonationLevel;
use serde::{Deserialize, Serialize};

use crate::cli::args::{DemoClient, Reach};
use crate::cli::reach::Reached;
use crate::cli::{Failed, print};

/// What a client got for one path, as one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) path: String,
    /// `ok`, or the kind of the failure.
    pub(crate) outcome: String,
    /// Of the content, in BLAKE3.
    pub(crate) digest: Option<String>,
    pub(crate) bytes: usize,
}

/// How often a client got an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Counted {
    #[serde(flatten)]
    pub(crate) answer: Answer,
    pub(crate) times: u32,
}

/// The line that says: connected, and ready to ask.
pub(crate) const READY: &str = "ready";

pub(crate) fn run(arguments: DemoClient) -> Result<(), Failed> {
    if let Some(role) = &arguments.role {
        platform::take_role(role)
            .map_err(|error| Failed::system(format!("become `{role}`"), error))?;
    }
    let level = ImpersonationLevel::Impersonation;
    let reach = Reach { endpoint: arguments.endpoint, timeout: None, server: Vec::new(), level };
    let mut reached = Reached::connect(&reach)?;
    print(&format!("{READY}\n"))?;
    let mut go = String::new();
    io::stdin().read_line(&mut go).map_err(|error| Failed::system("wait to begin", error))?;

    let mut answers = BTreeMap::new();
    for _ in 0..arguments.times {
        for path in &arguments.paths {
            *answers.entry(ask(&mut reached, path)).or_insert(0) += 1;
        }
    }
    for (answer, times) in answers {
        let counted = Counted { answer, times };
        let line = serde_json::to_string(&counted)
            .map_err(|error| Failed::system("say what came", error.into()))?;
        print(&format!("{line}\n"))?;
    }
    Ok(())
}

fn ask(reached: &mut Reached, path: &str) -> Answer {
    let mut content = Vec::new();
    let outcome = WirePath::new(path).map_err(fileserve::Error::from).and_then(|wire| {
        reached.files.open(&wire, &Part::WHOLE)?.copy_to(&mut content, &mut |_| ())
    });
    let digest = outcome.is_ok().then(|| blake3::hash(&content).to_hex().to_string());
    let outcome = outcome.map_or_else(|error| error.kind().to_string(), |()| "ok".to_owned());
    Answer { path: path.to_owned(), outcome, digest, bytes: content.len() }
}
