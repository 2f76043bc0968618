//! `service!`: a typed service from its declaration.

/// Declares a typed service: the trait that a server implements, the dispatch of its calls, and a
/// client with one method per call.
///
/// ```text
/// ipc_core::service! {
///     VISIBILITY trait NAME, client CLIENT {
///         NUMBER => fn METHOD(ARGUMENT: TYPE [= DEFAULT], ...) -> TYPE [, FLAG]...;
///     }
/// }
/// ```
///
/// The server implements `NAME`, whose methods also get the call's
/// [`Context`](crate::service::Context), and hands `implementation.into_service()` to the runtime.
/// The client makes a `CLIENT` from a connected [`Client`](crate::client::Client) with `From`, and
/// gets it back with `AsMut` or `Into`. Arguments and values are anything that `serde` serialises.
///
/// | flag | means |
/// |---|---|
/// | `body` | a body may follow the value; the client's method returns a [`Response`] |
/// | `handle` | an open handle may come with the value; the client's method returns a [`Response`] |
/// | `takes_handle` | the call is about an open handle: the client's method begins with the [`File`] that it passes, and the handler [takes] it |
/// | `may_wait` | the handler mostly returns soon and [now and then waits](crate::service::RunsOn::WorkerOrPool) |
/// | `pool` | the handler waits or computes for long and runs [on the pool](crate::service::RunsOn::Pool) |
/// | `lenient` | arguments that this version does not know are ignored |
///
/// Handles travel on connections that were bound and made for them
/// ([`BindOptions::handles`](crate::BindOptions::handles),
/// [`ConnectOptions::handles`](crate::ConnectOptions::handles)), over transports that pass any
/// ([`Capabilities::handles`](crate::Capabilities::handles)).
///
/// [`Response`]: crate::client::Response
/// [`File`]: std::fs::File
/// [takes]: crate::service::Context::take_handle
///
/// # Evolution
/// - A method is its number: renaming one is free, and a number that was ever used is never used
///   again for something else. Two methods of one number do not compile.
/// - A new argument goes last and has a default, which is what older callers mean. Towards an older
///   server it is refused, unless the method was `lenient` from its beginning.
/// - The type of an argument or a value never changes: what needs another type is another method.
/// - A number that the server does not know fails as
///   [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
///
/// # Examples
/// ```
/// use ipc_core::service::{Arguments, Context, Reply, RunsOn, Service};
/// use ipc_core::Failure;
///
/// ipc_core::service! {
///     /// Does sums.
///     pub trait Adder, client AdderClient {
///         /// Adds two numbers.
///         1 => fn add(a: u32, b: u32 = 1) -> u32;
///         /// Adds all numbers up to `last`, one by one.
///         2 => fn up_to(last: u64) -> u64, pool;
///     }
/// }
///
/// struct Schoolchild;
///
/// impl Adder for Schoolchild {
///     fn add(&self, _: &Context<'_>, a: u32, b: u32) -> Result<Reply<u32>, Failure> {
///         Ok(a.wrapping_add(b).into())
///     }
///     fn up_to(&self, _: &Context<'_>, last: u64) -> Result<Reply<u64>, Failure> {
///         Ok((0..=last).sum::<u64>().into())
///     }
/// }
///
/// let service = Schoolchild.into_service();
/// assert_eq!(service.runs_on(1), Some(RunsOn::Worker));
/// assert_eq!(service.runs_on(2), Some(RunsOn::Pool));
/// assert_eq!(service.runs_on(3), None);
/// ```
///
/// Two methods with one number:
/// ```compile_fail,E0081
/// ipc_core::service! {
///     pub trait Adder, client AdderClient {
///         1 => fn add(a: u32, b: u32) -> u32;
///         1 => fn subtract(a: u32, b: u32) -> u32;
///     }
/// }
/// ```
#[macro_export]
macro_rules! service {
    (
        $(#[$attribute:meta])*
        $visibility:vis trait $Service:ident, client $Client:ident {
            $(
                $(#[$about:meta])*
                $number:literal => fn $method:ident(
                    $($argument:ident: $Argument:ty $(= $default:expr)?),* $(,)?
                ) -> $Value:ty $(, $flag:ident)*;
            )+
        }
    ) => {
        $(#[$attribute])*
        $visibility trait $Service: Send + Sync + 'static {
            $(
                $(#[$about])*
                ///
                /// # Errors
                /// The failure is sent to the client as it is.
                fn $method(
                    &self,
                    context: &$crate::service::Context<'_>,
                    $($argument: $Argument,)*
                ) -> ::std::result::Result<$crate::service::Reply<$Value>, $crate::Failure>;
            )+

            /// Makes the service that a server runs: it decodes each call, passes it to this
            /// implementation, and encodes the answer.
            fn into_service(self) -> impl $crate::service::Service
            where
                Self: Sized,
            {
                // Names that no user's type has: the types of arguments are named in here too.
                struct __Dispatch<__Implementation>(__Implementation);

                impl<__Implementation: $Service> $crate::service::Service
                    for __Dispatch<__Implementation>
                {
                    fn runs_on(
                        &self,
                        method: u32,
                    ) -> ::std::option::Option<$crate::service::RunsOn> {
                        match method {
                            $($number => ::std::option::Option::Some(
                                $crate::__service!(@runs_on $($flag)*)
                            ),)+
                            _ => ::std::option::Option::None,
                        }
                    }

                    fn name_of(
                        &self,
                        method: u32,
                    ) -> ::std::option::Option<&'static str> {
                        match method {
                            $($number => ::std::option::Option::Some(
                                ::std::stringify!($method)
                            ),)+
                            _ => ::std::option::Option::None,
                        }
                    }

                    fn call(
                        &self,
                        context: &$crate::service::Context<'_>,
                        method: u32,
                        mut arguments: $crate::service::Arguments<'_>,
                    ) -> ::std::result::Result<
                        $crate::service::Reply<::std::vec::Vec<u8>>,
                        $crate::Failure,
                    > {
                        match method {
                            $($number => {
                                $(let $argument: $Argument = $crate::__service!(
                                    @argument arguments $argument $(= $default)?
                                );)*
                                $crate::__service!(@finish arguments $($flag)*);
                                $crate::__service!(@refuse_handle context $($flag)*);
                                let reply = $Service::$method(&self.0, context, $($argument),*)?;
                                $crate::__service!(@finish_handle reply $($flag)*);
                                $crate::__service!(@finish_reply reply $($flag)*);
                                reply.encode()
                            })+
                            unknown => ::std::result::Result::Err($crate::Failure::new(
                                $crate::ErrorKind::Unsupported,
                                ::std::format!(
                                    "{} has no method {unknown}",
                                    ::std::stringify!($Service)
                                ),
                            )),
                        }
                    }
                }

                __Dispatch(self)
            }
        }

        /// For servers that keep a handle of their own on what they serve.
        impl<__Implementation: $Service> $Service for ::std::sync::Arc<__Implementation> {
            $(
                fn $method(
                    &self,
                    context: &$crate::service::Context<'_>,
                    $($argument: $Argument,)*
                ) -> ::std::result::Result<$crate::service::Reply<$Value>, $crate::Failure> {
                    $Service::$method(&**self, context, $($argument),*)
                }
            )+
        }

        const _: () = {
            #[allow(
                dead_code,
                non_camel_case_types,
                reason = "two equal discriminants do not compile, and nothing else is asked of it"
            )]
            #[repr(u32)]
            enum EachMethodHasANumberOfItsOwn {
                $($method = $number,)+
            }
        };

        #[doc = ::std::concat!("Calls a [`", ::std::stringify!($Service), "`] on a server.")]
        #[derive(Debug)]
        $visibility struct $Client($crate::client::Client);

        impl ::std::convert::From<$crate::client::Client> for $Client {
            fn from(client: $crate::client::Client) -> Self {
                Self(client)
            }
        }

        impl ::std::convert::From<$Client> for $crate::client::Client {
            fn from(client: $Client) -> Self {
                client.0
            }
        }

        impl ::std::convert::AsMut<$crate::client::Client> for $Client {
            fn as_mut(&mut self) -> &mut $crate::client::Client {
                &mut self.0
            }
        }

        impl $Client {
            $($crate::__service! {
                @client [$($flag)*]
                $(#[$about])*
                $visibility fn $number $method($($argument: $Argument),*) -> $Value
            })+
        }
    };
}

/// The parts of [`service!`] that depend on a method's flags and defaults.
#[doc(hidden)]
#[macro_export]
macro_rules! __service {
    (@runs_on) => { $crate::service::RunsOn::Worker };
    (@runs_on pool $($flag:ident)*) => { $crate::service::RunsOn::Pool };
    (@runs_on may_wait $($flag:ident)*) => { $crate::service::RunsOn::WorkerOrPool };
    (@runs_on body $($flag:ident)*) => { $crate::__service!(@runs_on $($flag)*) };
    (@runs_on lenient $($flag:ident)*) => { $crate::__service!(@runs_on $($flag)*) };
    (@runs_on handle $($flag:ident)*) => { $crate::__service!(@runs_on $($flag)*) };
    (@runs_on takes_handle $($flag:ident)*) => { $crate::__service!(@runs_on $($flag)*) };
    (@runs_on $unknown:ident $($flag:ident)*) => {
        ::std::compile_error!(::std::concat!(
            "unknown flag `",
            ::std::stringify!($unknown),
            "`; a method can be `body`, `handle`, `takes_handle`, `may_wait`, `pool` and `lenient`"
        ))
    };

    (@argument $arguments:ident $argument:ident) => {
        $arguments.value(::std::stringify!($argument))?
    };
    (@argument $arguments:ident $argument:ident = $default:expr) => {
        $arguments.value_or(::std::stringify!($argument), || $default)?
    };

    (@finish $arguments:ident) => { $arguments.finish()? };
    (@finish $arguments:ident lenient $($flag:ident)*) => {};
    (@finish $arguments:ident $other:ident $($flag:ident)*) => {
        $crate::__service!(@finish $arguments $($flag)*)
    };

    (@finish_reply $reply:ident) => { $reply.refuse_body()? };
    (@finish_reply $reply:ident body $($flag:ident)*) => {};
    (@finish_reply $reply:ident $other:ident $($flag:ident)*) => {
        $crate::__service!(@finish_reply $reply $($flag)*)
    };

    (@refuse_handle $context:ident) => { $context.refuse_handle()? };
    (@refuse_handle $context:ident takes_handle $($flag:ident)*) => {};
    (@refuse_handle $context:ident $other:ident $($flag:ident)*) => {
        $crate::__service!(@refuse_handle $context $($flag)*)
    };

    (@finish_handle $reply:ident) => { $reply.refuse_handle()? };
    (@finish_handle $reply:ident handle $($flag:ident)*) => {};
    (@finish_handle $reply:ident $other:ident $($flag:ident)*) => {
        $crate::__service!(@finish_handle $reply $($flag)*)
    };

    // A client's method: what its flags say is collected first, `whole` or `value` for what it
    // returns and `passing` or `bare` for whether a handle goes with the call.
    (@client [$($flag:ident)*] $($method:tt)*) => {
        $crate::__service! { @collect [$($flag)*] value bare $($method)* }
    };
    (@collect [body $($flag:ident)*] $shape:ident $($rest:tt)*) => {
        $crate::__service! { @collect [$($flag)*] whole $($rest)* }
    };
    (@collect [handle $($flag:ident)*] $shape:ident $($rest:tt)*) => {
        $crate::__service! { @collect [$($flag)*] whole $($rest)* }
    };
    (@collect [takes_handle $($flag:ident)*] $shape:ident $passing:ident $($rest:tt)*) => {
        $crate::__service! { @collect [$($flag)*] $shape passing $($rest)* }
    };
    (@collect [$other:ident $($flag:ident)*] $($rest:tt)*) => {
        $crate::__service! { @collect [$($flag)*] $($rest)* }
    };
    (@collect [] $shape:ident bare $(#[$about:meta])* $visibility:vis fn $number:literal
        $method:ident($($argument:ident: $Argument:ty),*) -> $Value:ty) => {
        $(#[$about])*
        ///
        /// # Errors
        /// [`Error::Remote`]($crate::Error::Remote) if the server failed the call; else as
        /// [`Client::call`]($crate::client::Client::call).
        $visibility fn $method(
            &mut self,
            $($argument: $Argument,)*
        ) -> $crate::Result<$crate::__service!(@returns $shape $Value)> {
            let mut wire = ::std::vec::Vec::new();
            $($crate::service::Arguments::push_value(&mut wire, &$argument)?;)*
            $crate::__service!(@decode $shape self.0.call($number, &wire)?)
        }
    };
    (@collect [] $shape:ident passing $(#[$about:meta])* $visibility:vis fn $number:literal
        $method:ident($($argument:ident: $Argument:ty),*) -> $Value:ty) => {
        $(#[$about])*
        ///
        /// # Errors
        /// [`Error::Remote`]($crate::Error::Remote) if the server failed the call; else as
        /// [`Client::call_with_handle`]($crate::client::Client::call_with_handle).
        $visibility fn $method(
            &mut self,
            handle: ::std::fs::File,
            $($argument: $Argument,)*
        ) -> $crate::Result<$crate::__service!(@returns $shape $Value)> {
            let mut wire = ::std::vec::Vec::new();
            $($crate::service::Arguments::push_value(&mut wire, &$argument)?;)*
            $crate::__service!(@decode $shape self.0.call_with_handle($number, &wire, handle)?)
        }
    };

    (@returns whole $Value:ty) => { $crate::client::Response<'_, $Value> };
    (@returns value $Value:ty) => { $Value };
    (@decode whole $response:expr) => { $response.decode() };
    (@decode value $response:expr) => { $response.decode()?.finish() };
}
