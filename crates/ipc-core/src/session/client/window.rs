//! How much data a peer may send.

use crate::error::{Error, Result};

/// The credit that was given for data, and how much of it is to be given anew.
#[derive(Debug)]
pub(super) struct Window {
    size: u64,
    /// How much the peer may still send.
    left: u64,
    /// How much was taken and not given back.
    due: u64,
}

impl Window {
    /// A window that the preface has announced.
    pub(super) fn new(size: u64) -> Self {
        Self { size, left: size, due: 0 }
    }

    /// The peer sends `length` bytes.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it may not.
    pub(super) fn receive(&mut self, length: u32) -> Result<()> {
        self.left = self.left.checked_sub(length.into()).ok_or_else(|| Error::Protocol {
            reason: format!("{length} bytes of data on a credit of {}", self.left),
        })?;
        Ok(())
    }

    /// `count` bytes were taken. Returns what the peer is to be told: half the window at once, so
    /// that it seldom waits and is seldom told.
    pub(super) fn give_back(&mut self, count: u64) -> Option<u64> {
        self.due += count;
        if self.due < self.size.div_ceil(2) {
            return None;
        }
        self.left += self.due;
        Some(std::mem::take(&mut self.due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_window_is_given_back_at_once_and_no_more_than_it_is_ever_open() {
        let mut window = Window::new(5);
        assert!(window.receive(6).is_err());
        window.receive(5).expect("has credit");
        assert!(window.receive(1).is_err());
        assert_eq!(window.give_back(2), None);
        assert_eq!(window.give_back(1), Some(3));
        window.receive(3).expect("given back");
        assert!(window.receive(1).is_err());
    }

    #[test]
    fn a_window_of_one_byte_moves() {
        let mut window = Window::new(1);
        window.receive(1).expect("has credit");
        assert_eq!(window.give_back(1), Some(1));
    }
}
