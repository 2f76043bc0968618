//! A server that is never silent and never answers.

use std::io::IoSlice;

use super::*;
use crate::level::ImpersonationLevel;
use crate::peer::Peer;
use crate::session::SessionLimits;
use crate::transport::{AsPeer, Connection, Interest, Ready};

/// The other end of it always has more to say, however fast one listens.
#[derive(Debug)]
struct Chatter {
    at: Endpoint,
    /// What comes once, and then what comes again and again.
    says: Mutex<Vec<u8>>,
    again: Vec<u8>,
    /// Whether it takes what it is told.
    listens: bool,
}

impl Chatter {
    fn client(first: &[&[u8]], again: &[u8], listens: bool) -> Client {
        let mut says = SessionLimits::default().of_server().encode().to_vec();
        says.extend(first.concat());
        let at = "mem:chatter".parse().expect("an endpoint");
        let chatter = Self { at, says: Mutex::new(says), again: again.to_vec(), listens };
        let options = ClientOptions::new().timeout(Some(Duration::from_millis(20)));
        Client::new(Box::new(chatter), options)
    }
}

impl Connection for Chatter {
    fn endpoint(&self) -> &Endpoint {
        &self.at
    }

    fn peer(&self) -> Result<&Peer> {
        Err(Error::NotYetKnown)
    }

    fn level(&self) -> Option<ImpersonationLevel> {
        None
    }

    fn state_level(&self, _: ImpersonationLevel) -> Result<()> {
        Ok(())
    }

    fn read(&self, buffer: &mut [u8], _: Deadline) -> Result<usize> {
        let mut says = self.says.lock();
        while says.len() < buffer.len() {
            says.extend_from_slice(&self.again);
        }
        let rest = says.split_off(buffer.len());
        buffer.copy_from_slice(&says);
        *says = rest;
        Ok(buffer.len())
    }

    fn write_vectored(&self, parts: &[IoSlice<'_>], _: Deadline) -> Result<usize> {
        let length = parts.iter().map(|part| part.len()).sum();
        if self.listens { Ok(length) } else { Err(Error::TimedOut { operation: Operation::Write }) }
    }

    fn wait(&self, _: Interest, _: Deadline) -> Result<Ready> {
        Ok(Ready { read: true, write: self.listens })
    }

    fn cancel(&self) {}

    fn close(&self, _: Deadline) -> Result<()> {
        Err(Error::TimedOut { operation: Operation::Close })
    }

    fn run_as_peer(&self, _: &mut dyn FnMut(&AsPeer)) -> Result<()> {
        Err(Error::Unsupported { operation: Operation::RunAsPeer })
    }
}

fn pings() -> Vec<u8> {
    let mut pings = Vec::new();
    frame::push_word(&mut pings, Kind::Ping, 0, [1; 8]);
    pings
}

#[test]
fn a_call_is_given_up_at_its_deadline_although_something_always_comes() {
    for listens in [true, false] {
        let mut client = Chatter::client(&[], &pings(), listens);
        // More than a first flight may hold, so that it also waits before it asks.
        for _ in 0..3 {
            let error = client.call(1, &argument(&[7; 40_000])).expect_err("no answer");
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        }
        let error = client.close(Deadline::after(Duration::from_millis(20))).expect_err("no end");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    }
}

#[test]
fn a_body_is_given_up_at_its_deadline_although_something_always_comes() {
    let mut head = Vec::new();
    frame::push_response(&mut head, 1, &[7], true);
    let mut client = Chatter::client(&[&head], &pings(), true);
    let mut answer = client.call(1, &[]).expect("its head");
    for buffer in [&mut [0; 100][..], &mut [0; 100_000]] {
        let error = answer.body.read_to(buffer).expect_err("none of it comes");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    }
}

#[test]
fn an_endless_body_that_nobody_reads_is_given_up_at_the_deadline() {
    let mut head = Vec::new();
    frame::push_response(&mut head, 1, &[7], true);
    let data = [&Header::new(Kind::Data, 1, 100).encode()[..], &[7; 100]].concat();
    let mut client = Chatter::client(&[&head], &data, true);
    let answer = client.call(1, &[]).expect("its head").decode::<u8>().expect("a value");
    let error = answer.finish().expect_err("no end comes");
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
}
