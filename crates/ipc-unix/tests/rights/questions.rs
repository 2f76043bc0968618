//! What is asked about a name, and what the answers are.

use ipc_core::{ErrorKind, Result};

/// A question about a name below the tree's root.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Read,
    List,
    Look,
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Given,
    Refused(ErrorKind),
}

impl Answer {
    pub(crate) fn of<T>(outcome: Result<T>) -> Self {
        outcome.map_or_else(|error| Self::Refused(error.kind()), |_| Self::Given)
    }

    /// How it travels from a user's process to the matrix.
    const LETTERS: [(Self, char); 7] = [
        (Self::Given, '+'),
        (Self::Refused(ErrorKind::PermissionDenied), 'p'),
        (Self::Refused(ErrorKind::NotFound), 'n'),
        (Self::Refused(ErrorKind::OutsideRoot), 'o'),
        (Self::Refused(ErrorKind::IsADirectory), 'd'),
        (Self::Refused(ErrorKind::NotADirectory), 't'),
        (Self::Refused(ErrorKind::NotRegular), 'r'),
    ];

    pub(crate) fn letter(self) -> char {
        let of_this = |(answer, _): &&(Self, char)| *answer == self;
        Self::LETTERS.iter().find(of_this).expect("among those that are met here").1
    }

    pub(crate) fn from_letter(letter: char) -> Self {
        let of_this = |(_, other): &&(Self, char)| *other == letter;
        Self::LETTERS.iter().find(of_this).expect("a letter that was said").0
    }
}
