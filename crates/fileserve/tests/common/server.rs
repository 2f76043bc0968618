//! A server for a test: started, waited for, and ended.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use fileserve::platform;
use serde_json::Value;

use super::{Place, fileserve, system};

/// A server that listens. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    endpoint: String,
    records: Receiver<Value>,
    said: Receiver<String>,
}

impl Server {
    /// Serves `place` to this user.
    pub(crate) fn start(place: &Place) -> Self {
        Self::with(place, [""; 0])
    }

    /// Serves `place` to everybody.
    pub(crate) fn for_all(place: &Place) -> Self {
        Self::with(place, system::SERVE_ALL)
    }

    /// Serves `place` with further options.
    pub(crate) fn with<S: AsRef<OsStr>>(
        place: &Place,
        options: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut command = fileserve(["serve", &place.endpoint(), "--json"]);
        command.arg("--root").arg(place.files()).args(options);
        Self::run(command, place.endpoint())
    }

    /// Serves `place` in the protocol of .NET's sample, each file by its absolute path.
    pub(crate) fn for_dotnet<S: AsRef<OsStr>>(
        place: &Place,
        options: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut command = fileserve(["serve", &place.pipe(), "--compat", "dotnet", "--any-path"]);
        command.arg("--json").args(options);
        Self::run(command, place.pipe())
    }

    /// Serves `place` with further options, and keeps an account.
    pub(crate) fn audited(place: &Place, options: &[&str]) -> Self {
        let account = place.account();
        let audit = [OsStr::new("--audit"), account.as_os_str()];
        Self::with(place, audit.into_iter().chain(options.iter().map(OsStr::new)))
    }

    /// Waits until `command` says that it listens.
    pub(crate) fn run(mut command: Command, endpoint: String) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let said = lines(child.stderr.take().expect("piped"));
        let (send, records) = mpsc::channel();
        let stdout = child.stdout.take().expect("piped");
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(record) = serde_json::from_str(&line) {
                    let _ = send.send(record);
                }
            }
        });
        let mut begun = Vec::new();
        while !begun.iter().any(|line: &String| line.contains("listening at")) {
            begun.push(
                said.recv_timeout(WATCHDOG).unwrap_or_else(|_| panic!("no server: {begun:?}")),
            );
        }
        Self { child, endpoint, records, said }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The same, for calls that send signals or set limits.
    #[cfg(unix)]
    pub(crate) fn process(&self) -> rustix::process::Pid {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw);
        pid.expect("a process has a number")
    }

    /// The server's record of the next request that ends.
    pub(crate) fn record(&self) -> Value {
        self.records.recv_timeout(WATCHDOG).expect("the server lives")
    }

    /// The record of the next request of that method; others are passed over.
    pub(crate) fn record_of(&self, method: &str) -> Value {
        loop {
            let record = self.record();
            if record["method"] == method {
                return record;
            }
        }
    }

    /// The next line that the server says, which contains `words`; others are passed over.
    pub(crate) fn says(&self, words: &str) -> String {
        loop {
            let line =
                self.said.recv_timeout(WATCHDOG).unwrap_or_else(|_| panic!("never said: {words}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Asks the server to stop, as an operator would.
    pub(crate) fn ask_to_stop(&self) {
        platform::ask_to_stop(&self.child).expect("the server lives");
    }

    /// Everything more that the server says until it ends.
    pub(crate) fn last_words(&self) -> Vec<String> {
        self.said.iter().collect()
    }

    /// Has the server stop, as an operator would, and waits for it.
    pub(crate) fn stop(mut self) -> Vec<String> {
        self.ask_to_stop();
        assert!(self.wait().success());
        self.last_words()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child")
    }

    /// Ends the server as it may end any time.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child");
        self.wait();
    }

    /// The highest memory use so far, in bytes, where the system tells.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        Some(system::memory(self.pid())?.peak)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long what must come may take before a test fails rather than hangs.
const WATCHDOG: Duration = Duration::from_secs(60);

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    receive
}
