//! Many clients that do what a seed says, with bodies of every kind, in whatever order the threads
//! of the clients and of the server happen to run.

use std::fs::OpenOptions;
use std::io::Read;
use std::thread;
use std::time::Duration;

use ipc::{Client, ErrorKind};

mod common;

use common::tester::{TesterClient, read_all};
use common::{LONG, Random, Served, soon};

/// One client, and its next steps.
struct Player<'s> {
    served: &'s Served,
    client: TesterClient,
    random: Random,
    /// A file of its own.
    file: String,
}

impl Player<'_> {
    fn step(&mut self) {
        match self.random.below(12) {
            0 => self.client = self.served.client(),
            1 => self.part_politely(),
            2 => self.read_bytes(),
            3 => self.read_file(),
            4 => self.read_file_that_is_too_short(),
            5 => self.read_file_that_shrinks(),
            6 => self.read_stream(),
            7 => self.drop_body(),
            8 => self.give_up_a_call(),
            9 => self.ask_for_what_is_not_there(),
            _ => self.echo(),
        }
    }

    fn echo(&mut self) {
        let bytes = self.random.bytes(60_000);
        assert_eq!(self.client.echo(bytes.clone()).expect("answered"), bytes);
    }

    fn part_politely(&mut self) {
        let old = std::mem::replace(&mut self.client, self.served.client());
        Client::from(old).close(soon()).expect("closes");
    }

    fn read_bytes(&mut self) {
        let length = self.random.below(300_000);
        let mut answer = self.client.bytes(length).expect("answered");
        let (valid, result) = read_all(&mut answer.body);
        result.expect("whole");
        assert_eq!((answer.value, valid), (length, length));
    }

    fn read_file(&mut self) {
        let length = self.random.below(FILE + 1);
        let mut answer = self.client.file("f".to_owned(), length).expect("answered");
        let (valid, result) = read_all(&mut answer.body);
        result.expect("whole");
        assert_eq!((answer.value, valid), (FILE, length));
    }

    fn read_file_that_is_too_short(&mut self) {
        let length = FILE + 1 + self.random.below(FILE);
        let mut answer = self.client.file("f".to_owned(), length).expect("answered");
        let (valid, result) = read_all(&mut answer.body);
        assert_eq!(result.expect_err("too short").kind(), ErrorKind::Truncated);
        assert_eq!(valid, FILE);
    }

    /// Some of it is on its way already when the file becomes shorter.
    fn read_file_that_shrinks(&mut self) {
        self.served.place.file(&self.file, FILE);
        let mut answer = self.client.file(self.file.clone(), FILE).expect("answered");
        let file = OpenOptions::new().write(true).open(self.served.place.path(&self.file));
        file.expect("is there").set_len(SHRUNK).expect("is cut");
        let (valid, result) = read_all(&mut answer.body);
        match result {
            Ok(()) => assert_eq!(valid, FILE),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Truncated, "{error}"),
        }
        assert!(valid >= SHRUNK, "{valid} bytes of a file that always had {SHRUNK}");
    }

    fn read_stream(&mut self) {
        let length = self.random.below(300_000);
        let mut answer = self.client.stream(length).expect("answered");
        let (valid, result) = read_all(&mut answer.body);
        result.expect("whole");
        assert_eq!(valid, length);
    }

    fn drop_body(&mut self) {
        let (which, taken) = (self.random.below(3), self.random.below(200_000));
        let answer = match which {
            0 => self.client.bytes(FILE),
            1 => self.client.file("f".to_owned(), FILE),
            _ => self.client.stream(FILE),
        };
        let taken = usize::try_from(taken).expect("small");
        answer.expect("answered").body.read_exact(&mut vec![0; taken]).expect("so much comes");
    }

    /// The handler waits for somebody to let it go, and the client not for long.
    fn give_up_a_call(&mut self) {
        self.client.as_mut().set_timeout(Some(Duration::from_millis(self.random.below(8))));
        match self.client.hold_on_pool() {
            Ok(value) => assert_eq!(value, 7),
            Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}"),
        }
        self.client.as_mut().set_timeout(Some(LONG));
        // One for each handler that may have begun; too many let later ones go at once.
        self.served.gates.open.send(()).expect("the service listens");
    }

    fn ask_for_what_is_not_there(&mut self) {
        let error = self.client.file("missing".to_owned(), 1).expect_err("not there");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

#[test]
fn t37_every_body_of_every_schedule_is_whole_or_says_how_much_of_it_is() {
    for seed in 1..=3 {
        let served = Served::new();
        served.place.file("f", FILE);
        thread::scope(|scope| {
            for number in 0..6 {
                let served = &served;
                scope.spawn(move || {
                    let random = Random::new(seed * 100 + number);
                    let file = format!("own-{number}");
                    let mut player = Player { served, client: served.client(), random, file };
                    (0..50).for_each(|_| player.step());
                });
            }
        });
        served.wait_for_connections(0);
        let Served { server, calm: _calm, .. } = served;
        server.shutdown(soon()).expect("nothing is under way");
    }
}

/// How long the file that all of them read is, in bytes.
const FILE: u64 = 1_000_000;

/// To so many bytes a file is cut: whole pages, so that what is on its way stays what it was.
const SHRUNK: u64 = 524_288;
