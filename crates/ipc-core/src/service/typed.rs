//! Values in calls: the arguments a service decodes and the answer it encodes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Arguments, Body, Reply};
use crate::codec::Codec;
use crate::error::{Error, ErrorKind, Failure, Result};

impl Arguments<'_> {
    /// Appends `value` to `wire` as one argument.
    ///
    /// # Errors
    /// [`Error::Codec`] for a value that has no encoding.
    pub fn push_value<T: Serialize + ?Sized>(wire: &mut Vec<u8>, value: &T) -> Result<()> {
        Self::push(wire, &CODEC.encode(value)?);
        Ok(())
    }

    /// The next argument, which must be there; `name` is for the failure.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if it is missing, or not a `T` from its first byte to its last.
    pub fn value<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Failure> {
        let Some(bytes) = self.next() else {
            return Err(invalid(format!("the argument `{name}` is missing")));
        };
        CODEC.decode(bytes).map_err(|error| {
            let reason = match error {
                Error::Codec { reason } => reason,
                other => other.chain(),
            };
            invalid(format!("the argument `{name}` cannot be decoded: {reason}"))
        })
    }

    /// The next argument, or `default` if the caller is older than it and does not send it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if it is there and not a `T`.
    pub fn value_or<T: DeserializeOwned>(
        &mut self,
        name: &str,
        default: impl FnOnce() -> T,
    ) -> Result<T, Failure> {
        if self.is_empty() { Ok(default()) } else { self.value(name) }
    }

    /// `true` once every argument was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses arguments that nobody took: the caller is newer and means something by them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if there are any.
    pub fn finish(self) -> Result<(), Failure> {
        match self.count() {
            0 => Ok(()),
            count => Err(invalid(format!(
                "{count} more arguments than this method knows; the server is older than the client"
            ))),
        }
    }
}

impl<T> Reply<T> {
    /// Refuses a body, for a method that was declared without one: its clients would not see it.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if there is one.
    pub fn refuse_body(&self) -> Result<(), Failure> {
        match self.body {
            Body::Empty => Ok(()),
            _ => Err(Failure::new(
                ErrorKind::Internal,
                "the handler answered with a body, and its method was declared without `body`",
            )),
        }
    }
}

impl<T> Reply<T> {
    /// Refuses a handle, for a method that was declared without one: its clients would close it
    /// unseen.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if there is one.
    pub fn refuse_handle(&self) -> Result<(), Failure> {
        if self.handle.is_none() {
            return Ok(());
        }
        let text =
            "the handler answered with a handle, and its method was declared without `handle`";
        Err(Failure::new(ErrorKind::Internal, text))
    }
}

impl<T: Serialize> Reply<T> {
    /// The same answer with its value encoded, as [`Service::call`](super::Service::call) gives it.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] for a value that has no encoding.
    pub fn encode(self) -> Result<Reply<Vec<u8>>, Failure> {
        let value = CODEC
            .encode(&self.value)
            .map_err(|error| Failure::new(ErrorKind::Internal, error.chain()))?;
        Ok(self.map(|_| value))
    }
}

/// What the preface declares; a second codec would come with the call.
const CODEC: Codec = Codec::Bincode;

fn invalid(text: String) -> Failure {
    Failure::new(ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(values: &[&str]) -> Vec<u8> {
        let mut wire = Vec::new();
        for value in values {
            Arguments::push_value(&mut wire, *value).expect("text has an encoding");
        }
        wire
    }

    #[test]
    fn an_argument_that_is_not_sent_takes_its_default_or_fails_by_name() {
        let sent = wire(&["notes"]);
        let mut arguments = Arguments::new(&sent).expect("whole");
        assert_eq!(arguments.value::<String>("path").as_deref(), Ok("notes"));
        assert_eq!(arguments.value_or("part", || 7_u32), Ok(7));
        let failure = arguments.value::<u32>("colour").expect_err("not sent");
        assert_eq!(failure.kind(), ErrorKind::InvalidInput);
        assert!(failure.text().contains("`colour`"), "{failure}");
    }

    #[test]
    fn an_argument_is_decoded_from_exactly_its_own_bytes() {
        let mut sent = Vec::new();
        Arguments::push(&mut sent, &[1, 0, 0]); // a u32 that borrows no byte from the next one
        Arguments::push(&mut sent, &[0, 9, 9, 9, 9]); // and one that leaves a byte over
        let mut arguments = Arguments::new(&sent).expect("whole");
        for name in ["short", "long"] {
            let failure = arguments.value_or(name, || 0_u32).expect_err(name);
            assert_eq!(failure.kind(), ErrorKind::InvalidInput);
            assert!(failure.text().contains(name), "{failure}");
        }
    }

    #[test]
    fn surplus_arguments_are_counted_and_refused() {
        let sent = wire(&["a", "b", "c"]);
        let mut arguments = Arguments::new(&sent).expect("whole");
        arguments.value::<String>("first").expect("sent");
        let failure = arguments.finish().expect_err("two are left");
        assert!(failure.text().starts_with("2 more"), "{failure}");
        assert_eq!(Arguments::new(&[]).expect("whole").finish(), Ok(()));
    }
}
