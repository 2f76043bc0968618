//! What the command line says of this system.

/// What names an endpoint.
pub const ENDPOINT: &str = "An ENDPOINT is a name (`files`) or, where you want to choose the \
    place, `unix:/path/of/socket`.";

/// A directory that people share.
pub const SHARED: &str = "/srv/files";

/// What serving means.
pub const SERVE: &str = "\
Serve files at an endpoint until Ctrl-C

Every file is opened with the rights of the client who asks: run as root, the server takes on the \
client's user and groups for each open; run as anybody else, it serves only clients of its own user. \
What the system would refuse to the client, the server refuses too.

Each request is one line on standard output. Ctrl-C or SIGTERM lets running transfers finish; a \
second Ctrl-C stops at once.";

/// What fetching means.
pub const GET: &str = "\
Fetch a file, to standard output or to a file

With `-o` the content is collected in `.NAME.part`, which only you can read, and gets its final name \
only when it is whole. It keeps the permissions of a file of yours that it replaces. A transfer that \
was cut goes on with `--resume`; if the file has changed meanwhile, or changes while it comes, that is \
a failure, never a file of two halves.

In a directory that others write to, nothing of theirs is used: a `.NAME.part` or a FIFO of another \
user is refused, and a symbolic link is followed only if it is yours or root's.

A device or a FIFO takes the content as it comes. `/dev/stdout` and `/dev/fd/N` are what this program \
has open there. A closed standard output counts as `/dev/null`.";

/// What the demonstration shows.
pub const DEMO: &str = "\
Play the scenario with real processes: several users, one server, and who may read what

As root the clients are four different users; as anybody else the demonstration shows what one user \
can and says what it leaves out. Ends with 0 only if everything went as expected.";

/// Who may connect, in a line.
pub const ALLOW: &str = "Who may connect: any, same-user, root, uid:N, gid:N, user:NAME, \
    group:NAME and more; may be repeated [default: same-user]";

/// Who may connect.
pub const ALLOW_LONG: &str = "\
Who may connect: any, same-user, root (also: system), uid:N, gid:N, user:NAME, group:NAME, sandboxed \
(in another user namespace), other-mount-namespace; may be repeated [default: same-user]

A POLICY is one of these, or several with `and`, `or`, `not` and parentheses: `group:staff and not \
sandboxed`. What the server does not know of a client admits nobody, neither by a term nor by `not`. \
Names are looked up once, at start.

The socket's permissions decide first: other users also need `--socket-mode` or `--socket-group`.

Two terms also say whom the server acts as, whichever other term admits it: `uid:0` as a root that may \
be a container's (`root` does not), and `sandboxed` as clients from other user namespaces, whose \
sandbox the server would leave. Under `not` they do not.";

/// What `--compat dotnet` makes of an endpoint.
pub const DOTNET_NAME: &str = "the name of a pipe, as a program of .NET has it (the socket \
    `CoreFxPipe_NAME` in $TMPDIR, else in /tmp), or an absolute path";

/// Who may do everything.
pub const PRIVILEGED: &str = "root";

/// Whether what is bound has permission bits.
pub const HAS_SOCKET_MODE: bool = true;

/// Whether a server can become another user and keep no right but to act as clients.
pub const HAS_USER: bool = super::particular::HAS_USER;

/// Whether a server can be fenced in.
pub const HAS_FENCE: bool = super::particular::HAS_FENCE;

/// What an account is, in a line.
pub const AUDIT: &str = "Write each decision to FILE, a line of JSON each; SIGHUP opens it anew";

/// What an account is.
pub const AUDIT_LONG: &str = "\
Write each decision to FILE, a line of JSON each: who came, who was admitted, what was opened for whom \
and how, what was refused, what was sent

FILE is made for the server's user alone, and must be one that nobody else can change. SIGHUP opens \
it anew, after it was renamed; for that the server's user must be able to make files in its directory.";

/// Whether there is a signal to open files anew.
pub const HAS_REOPEN: bool = true;

/// How far a server may act for its client, in a line.
pub const LEVEL: &str =
    "How far the server may act for you: anonymous, identification, impersonation";

/// How far a server may act for its client.
pub const LEVEL_LONG: &str = "\
How far the server may act for you

  anonymous       its service does not learn who you are; its policy does, before it hears this
  identification  it may know who you are, and not act as you
  impersonation   it may open files as you, which is how it finds out what you may read

On this system that is what you ask of the server, and what it promises: nothing but itself keeps a \
server that runs as root from more. Look at whom you talk to (`--server`). `delegation`, to act for \
you on other machines, is Windows' alone and refused here.";

/// Whether the system itself carries the level to the server.
pub const CARRIES_LEVELS: bool = false;
