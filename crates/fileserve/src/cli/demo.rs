//! `fileserve demo`: the whole scenario on one machine, with real processes.
//!
//! One server with four workers, four clients at once, and files that one may read and another may
//! not. Everything that is printed was measured: who got what is compared with what the rights of
//! the files say, and which worker served it comes from the server's own records.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::Command;

use fileserve::platform::{self, Actor, Cast, Performer};
use serde_json::Value;

pub(crate) mod client;
mod scene;
mod server;
mod story;

use client::{Counted, READY};
use scene::Scene;
use server::DemoServer;

use super::{Failed, exit};

pub(crate) fn demo() -> Result<(), Failed> {
    let failed = |error| Failed::system("prepare the demonstration", error);
    let scene = Cast::find().and_then(Scene::set).map_err(failed)?;
    let server = DemoServer::start(&scene).map_err(failed)?;
    story::introduce(&scene, server.pid())?;

    let mut clients = Vec::new();
    for actor in &scene.cast.actors {
        clients.push(Running::start(&scene, actor).map_err(failed)?);
    }
    for client in &mut clients {
        client.go().map_err(failed)?;
    }
    let mut answers = Vec::new();
    for client in clients {
        answers.push(client.finish().map_err(failed)?);
    }
    let records = server.stop().map_err(failed)?;

    let verdict = story::tell(&scene, &answers, &records)?;
    if verdict.is_as_expected() {
        return Ok(());
    }
    Err(Failed::because(exit::FAILURE, "say that all went as expected: see the lines marked WRONG"))
}

/// What one client got, and in which process.
pub(crate) struct Answers {
    pub(crate) pid: u32,
    pub(crate) answers: Vec<Counted>,
}

/// A client that has connected and waits to begin.
struct Running {
    child: Performer,
    begin: Box<dyn Write>,
    answers: BufReader<Box<dyn Read>>,
}

impl Running {
    fn start(scene: &Scene, actor: &Actor) -> io::Result<Self> {
        let mut arguments = vec!["__client".to_owned(), scene.endpoint()];
        arguments.extend(scene.cast.props.iter().map(|prop| prop.name.to_owned()));
        let mut child = actor.start(&arguments)?;
        let begin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let begin: Box<dyn Write> = Box::new(begin);
        let mut answers: BufReader<Box<dyn Read>> = BufReader::new(Box::new(stdout));
        let mut line = String::new();
        answers.read_line(&mut line)?;
        if line.trim_end() != READY {
            return Err(io::Error::other(format!("the client {} did not start", actor.name)));
        }
        Ok(Self { child, begin, answers })
    }

    fn go(&mut self) -> io::Result<()> {
        self.begin.write_all(b"\n")
    }

    fn finish(mut self) -> io::Result<Answers> {
        let mut text = String::new();
        self.answers.read_to_string(&mut text)?;
        self.child.wait()?;
        let answers = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Answers { pid: self.child.id(), answers })
    }
}

/// This very program: by its handle, since the directory that it lies in may be closed to others.
fn this_program() -> io::Result<Command> {
    platform::this_program().map(Command::new)
}

/// The server's record of what `pid` got for `path`.
pub(crate) fn record_of<'a>(records: &'a [Value], pid: u32, path: &str) -> Option<&'a Value> {
    records.iter().find(|record| record["pid"] == pid && record["name"] == path)
}
