//! The demonstration's server: `fileserve serve` in a process of its own.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::thread::{self, JoinHandle};

use fileserve::platform;
use serde_json::Value;

use super::scene::Scene;
use super::this_program;

/// A server that listens.
pub(super) struct DemoServer {
    child: Child,
    records: JoinHandle<io::Result<Vec<Value>>>,
    complaints: JoinHandle<io::Result<String>>,
}

impl DemoServer {
    pub(super) fn start(scene: &Scene) -> io::Result<Self> {
        let mut command = this_program()?;
        command.args(["serve", "--json", "--workers", "4"]);
        command.arg(scene.endpoint()).arg("--root").arg(scene.root());
        if scene.has_other_users() {
            // Named, so that kernels that cannot tell a container's root act as ours, too.
            command.args(["--allow", "any", "--allow", "uid:0", "--socket-mode", "0666"]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut stderr = BufReader::new(child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut said = String::new();
        while !said.contains("listening at") {
            if stderr.read_line(&mut said)? == 0 {
                return Err(io::Error::other(format!("the server did not start: {said}")));
            }
        }
        let records = thread::spawn(move || {
            let lines = BufReader::new(stdout).lines();
            lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
        });
        let complaints = thread::spawn(move || {
            stderr.read_to_string(&mut said)?;
            Ok(said)
        });
        Ok(Self { child, records, complaints })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the server and returns its record of every request.
    pub(super) fn stop(mut self) -> io::Result<Vec<Value>> {
        platform::ask_to_stop(&self.child)?;
        let status = self.child.wait()?;
        let said = joined(self.complaints)?;
        if !status.success() {
            return Err(io::Error::other(format!("the server ended with {status}: {said}")));
        }
        joined(self.records)
    }
}

fn joined<T>(thread: JoinHandle<io::Result<T>>) -> io::Result<T> {
    thread.join().map_err(|_| io::Error::other("a thread of the demonstration panicked"))?
}
