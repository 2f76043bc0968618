//! Conversations without I/O: bytes in any pieces, and what comes of them.

use std::sync::mpsc::{self, Receiver};

use super::*;

/// A conversation, and a client that takes whatever is said.
struct Talk {
    conversation: Conversation,
    start: Instant,
}

/// What came of what was received.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Level(ImpersonationLevel),
    Name(String),
    Failed(ErrorKind, String),
}

impl Talk {
    fn new() -> Self {
        let start = Instant::now();
        let limits = SessionLimits::default();
        Self { conversation: Conversation::new(&limits, start), start }
    }

    /// One that has been asked for a file and is to answer.
    fn asked() -> Self {
        let mut talk = Self::new();
        talk.hears();
        talk.say(&string("a.txt"));
        assert_eq!(talk.all_that_came().len(), 2);
        talk
    }

    fn say(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.conversation.room();
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            self.conversation.received(count);
            bytes = &bytes[count..];
        }
    }

    fn came(&mut self) -> Option<Came> {
        Some(match self.conversation.next_event(self.start)? {
            Event::Level(level) => Came::Level(level),
            Event::Call { mut arguments, .. } => {
                let name = arguments.next().expect("a name");
                Came::Name(String::from_utf8(name.to_vec()).expect("text"))
            }
            Event::Failed(error) => Came::Failed(error.kind(), error.chain()),
            Event::Cancelled(call) => panic!("there is nothing to cancel: {call}"),
            Event::Handle { call, .. } => panic!("no handle travels here: {call}"),
            Event::Refused { id, .. } => panic!("nothing is refused here: {id}"),
        })
    }

    fn all_that_came(&mut self) -> Vec<Came> {
        std::iter::from_fn(|| self.came()).collect()
    }

    /// What is to be sent by one write, at most `most` bytes of which are taken.
    fn takes(&mut self, most: usize) -> Vec<u8> {
        let written: Vec<u8> = match self.conversation.output(Waker::noop()) {
            Output::Bytes(parts) => parts.iter().flat_map(|part| part.to_vec()).collect(),
            Output::Nothing => return Vec::new(),
            other => panic!("no bytes: {other:?}"),
        };
        let taken = &written[..most.min(written.len())];
        self.conversation.sent(taken.len() as u64);
        taken.to_vec()
    }

    fn hears(&mut self) -> Vec<u8> {
        self.takes(usize::MAX)
    }

    /// Answers with that payload, and returns what tells how that ended.
    fn answer(&mut self, payload: &[u8]) -> Receiver<Outcome> {
        let (tell, told) = mpsc::channel();
        let body = Body::Bytes(payload.to_vec());
        let reply = Reply::new(Vec::new()).with_body(body).when_done(move |outcome| {
            let _ = tell.send(outcome.clone());
        });
        self.conversation.reply(THE_CALL, Ok(reply));
        told
    }

    fn fails(mut self, kind: ErrorKind, words: &str) {
        let came = self.all_that_came();
        let [Came::Failed(as_kind, text)] = &came[..] else { panic!("{came:?}") };
        assert_eq!(*as_kind, kind);
        assert!(text.contains(words), "{text}");
        assert!(self.conversation.is_finished());
        assert_eq!(self.hears(), b"", "there is no word for it");
    }
}

fn string(text: &str) -> Vec<u8> {
    let payload = wire::payload(text).expect("short");
    [&wire::length_bytes(payload.len()).expect("short")[..], &payload].concat()
}

#[test]
fn the_server_speaks_first_and_each_string_is_one_write() {
    let mut talk = Talk::new();
    assert_eq!(talk.hears(), string(GREETING));
    talk.say(&string("C:\\notes.txt"));
    assert_eq!(talk.came(), Some(Came::Level(ImpersonationLevel::Impersonation)));
    assert_eq!(talk.came(), Some(Came::Name("C:\\notes.txt".to_owned())));
    assert_eq!(talk.came(), None);
    assert!(talk.conversation.is_busy());
    let told = talk.answer(b"a\0b\0");
    assert!(!talk.conversation.is_finished());
    assert_eq!(talk.hears(), b"\0\x04a\0b\0");
    assert_eq!(told.recv().expect("told"), Outcome { sent: 4, result: Ok(()) });
    assert!(talk.conversation.is_finished());
}

#[test]
fn a_name_in_any_pieces_and_before_the_greeting_was_taken_is_the_same_name() {
    let name = "a long name ".repeat(100) + "naïve \u{1F600}";
    for size in [1, 2, 3, 511, 4096] {
        let mut talk = Talk::new();
        let mut came = Vec::new();
        for piece in string(&name).chunks(size) {
            assert_eq!(came, []);
            talk.say(piece);
            came = talk.all_that_came();
        }
        let level = Came::Level(ImpersonationLevel::Impersonation);
        assert_eq!(came, [level, Came::Name(name.clone())], "pieces of {size}");
        talk.answer(b"");
        let written: Vec<u8> = (0..100).flat_map(|_| talk.takes(1)).collect();
        assert_eq!(written, [&string(GREETING)[..], b"\0\0"].concat());
    }
}

#[test]
fn an_empty_name_is_a_name_and_what_comes_behind_one_is_nothing() {
    let mut talk = Talk::new();
    talk.say(b"\0\0\0\x01\xff");
    let level = Came::Level(ImpersonationLevel::Impersonation);
    assert_eq!(talk.all_that_came(), [level, Came::Name(String::new())]);
    for _ in 0..100 {
        talk.say(&[0xff; 10_000]);
        assert_eq!(talk.came(), None);
    }
    assert!(talk.conversation.input.len() <= USUAL_NAME, "{}", talk.conversation.input.len());
}

#[test]
fn a_file_that_cannot_be_read_is_answered_by_no_word() {
    let mut talk = Talk::asked();
    talk.conversation.reply(THE_CALL, Err(Failure::new(ErrorKind::NotFound, "`a.txt`")));
    assert!(talk.conversation.is_finished());
    assert_eq!(talk.hears(), b"");
}

#[test]
fn a_name_of_8192_bytes_is_one() {
    let name = "n".repeat(4096);
    let mut talk = Talk::new();
    talk.say(&string(&name));
    assert_eq!(talk.all_that_came().last(), Some(&Came::Name(name)));
}

#[test]
fn what_is_no_name_is_said_to_the_operator_at_once() {
    let says = |bytes: &[u8]| {
        let mut talk = Talk::new();
        talk.say(bytes);
        talk
    };
    says(b"\0\x03").fails(ErrorKind::Protocol, "3 bytes");
    says(b"\xff\xff").fails(ErrorKind::Protocol, "65535 bytes");
    says(b"\xff\xfe").fails(ErrorKind::LimitExceeded, "65534 bytes of a file's name");
    says(b"\x20\x02").fails(ErrorKind::LimitExceeded, "8194 bytes of a file's name");
    says(b"\0\x04a\0\x3d\xd8").fails(ErrorKind::Protocol, "d83d");
}

#[test]
fn a_client_that_leaves_half_a_name_has_broken_the_protocol_and_one_that_says_nothing_has_not() {
    let mut talk = Talk::new();
    talk.say(b"\0\x08a\0");
    assert_eq!(talk.came(), None);
    talk.conversation.ended();
    talk.fails(ErrorKind::Protocol, "left after 4 bytes");

    let mut talk = Talk::new();
    talk.conversation.ended();
    assert_eq!(talk.came(), None);
    assert!(talk.conversation.is_finished());
}

#[test]
fn a_client_that_is_silent_or_slow_with_its_name_is_given_up() {
    let mut talk = Talk::new();
    let until = talk.start + SessionLimits::default().preface;
    assert_eq!(talk.conversation.deadline(), Deadline::at(until));
    talk.say(b"\0\x08a\0");
    assert_eq!(talk.came(), None);
    talk.conversation.timer(until - Duration::from_millis(1));
    assert!(!talk.conversation.is_finished());
    talk.conversation.timer(until);
    talk.fails(ErrorKind::TimedOut, "timed out");
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_given_up_and_a_slow_one_is_not() {
    let stall = SessionLimits::default().stall;
    let mut talk = Talk::asked();
    let told = talk.answer(&[0; 10_000]);
    let mut now = talk.start;
    for _ in 0..50 {
        assert_eq!(talk.takes(100).len(), 100);
        now += stall;
        talk.conversation.timer(now);
        assert!(talk.conversation.is_busy());
    }
    talk.conversation.timer(now + stall);
    assert_eq!(told.recv().expect("told").sent, 4998, "all but the length");
    talk.fails(ErrorKind::TimedOut, "timed out");
}

#[test]
fn a_client_that_ends_its_half_behind_the_name_gets_its_answer() {
    let mut talk = Talk::asked();
    talk.answer(b"a\0");
    talk.conversation.ended();
    assert!(talk.conversation.is_finished());
    assert_eq!(talk.hears(), b"\0\x02a\0");
}

#[test]
fn who_is_refused_hears_nothing_and_its_name_is_not_looked_at() {
    let mut talk = Talk::new();
    talk.say(&string("secret"));
    talk.conversation.refuse(Failure::new(ErrorKind::Refused, "uid 5"));
    assert_eq!(talk.came(), None);
    assert_eq!(talk.hears(), b"");
    assert!(talk.conversation.is_finished());
}

#[test]
fn a_server_that_shuts_down_answers_who_has_asked_and_nobody_else() {
    let mut talk = Talk::asked();
    talk.conversation.drain();
    assert!(talk.conversation.is_busy());
    talk.answer(b"a\0");
    assert_eq!(talk.hears(), b"\0\x02a\0");

    let mut talk = Talk::new();
    talk.conversation.drain();
    assert!(talk.conversation.is_finished());
}

#[test]
fn a_silent_client_costs_no_buffer() {
    let mut talk = Talk::new();
    talk.hears();
    talk.conversation.room();
    talk.conversation.rest();
    assert_eq!(talk.conversation.input.capacity(), 0);
}
