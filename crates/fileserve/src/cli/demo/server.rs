//! The demonstration's server: `fileserve serve` in a process of its own.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use fileserve::platform;
use serde_json::Value;

use super::scene::Scene;
use super::this_program;

/// A server that listens.
pub(super) struct DemoServer {
    child: Child,
    stderr: BufReader<ChildStderr>,
    records: Receiver<io::Result<Vec<Value>>>,
}

impl DemoServer {
    pub(super) fn start(scene: &Scene) -> io::Result<Self> {
        let mut command = this_program()?;
        command.args(["serve", "--json", "--workers", "4"]);
        command.arg(scene.endpoint()).arg("--root").arg(scene.root());
        command.args(scene.cast.serving);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let stderr = BufReader::new(child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let (send, records) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines();
            send.send(lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect())
        });
        let mut server = Self { child, stderr, records };
        let mut said = String::new();
        while !said.contains("listening at") {
            if server.stderr.read_line(&mut said)? == 0 {
                return Err(io::Error::other(format!("the server did not start: {said}")));
            }
        }
        Ok(server)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the server and returns its record of every request.
    pub(super) fn stop(mut self) -> io::Result<Vec<Value>> {
        platform::ask_to_stop(&self.child)?;
        let mut said = String::new();
        self.stderr.read_to_string(&mut said)?;
        let status = self.child.wait()?;
        if !status.success() {
            return Err(io::Error::other(format!("the server ended with {status}: {said}")));
        }
        self.records.recv().map_err(io::Error::other)?
    }
}

/// However the demonstration ends, its server ends with it.
impl Drop for DemoServer {
    fn drop(&mut self) {
        // Both do nothing for one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
