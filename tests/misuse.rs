//! What the types rule out about acting as a peer, and why they do.
//!
//! That the misuses do not compile stands where people look for it, in the documentation of
//! [`AsPeer`]; here stands what that rests on.

use ipc::AsPeer;

/// Compiles only if `$Type`, or what the function `$made_by` returns, does not implement the trait. If
/// it did there would be two `Answer`s, and the compiler could not tell which of them is meant.
macro_rules! assert_not {
    (@answers $($Trait:tt)+) => {
        #[allow(dead_code, reason = "it is there to be inferred")]
        trait Answer<To> {}
        struct Whatever;
        struct OnlyWithTheTrait;
        impl<T: ?Sized> Answer<Whatever> for T {}
        impl<T: ?Sized + $($Trait)+> Answer<OnlyWithTheTrait> for T {}
    };
    ($Type:ty: $($Trait:tt)+) => {{
        assert_not!(@answers $($Trait)+);
        fn is_answered<T: ?Sized + Answer<To>, To>() {}
        is_answered::<$Type, _>();
    }};
    (made by $made_by:expr => $($Trait:tt)+) => {{
        assert_not!(@answers $($Trait)+);
        fn is_answered<From, T: Answer<To>, To>(_: fn(From) -> T) {}
        is_answered($made_by);
    }};
}

#[test]
fn t27_the_witness_is_of_one_thread_and_there_is_no_second() {
    assert_not!(AsPeer: Send);
    assert_not!(AsPeer: Sync);
    assert_not!(&'static AsPeer: Send);
    assert_not!(AsPeer: Clone);
    assert_not!(AsPeer: Default);
}

/// So an executor that moves what it runs from thread to thread takes none of it.
#[test]
fn t27_what_waits_with_the_witness_in_hand_stays_on_its_thread() {
    fn is_send<From, T: Send>(_: fn(From) -> T) {}
    is_send(wait_with::<u32>);
    assert_not!(made by wait_with::<AsPeer> => Send);
}

async fn wait_with<T>(held: &'static T) {
    std::future::ready(()).await;
    let _ = held;
}
