//! What the command line says of this system.

/// What names an endpoint.
pub const ENDPOINT: &str = "An ENDPOINT is a name (`files`), which is the pipe \\\\.\\pipe\\files, or \
    `pipe://HOST/NAME`\nof another machine.";

/// A directory that people share.
pub const SHARED: &str = r"C:\Shared";

/// What serving means.
pub const SERVE: &str = "\
Serve files at an endpoint until Ctrl-C

Every file is opened with the token of the client who asks: run as a service or as an elevated \
administrator, the server takes on any client's token for each open; run as anybody else, it serves \
only clients of its own user, restricted ones with what they are left. What the system would refuse \
to the client, the server refuses too.

A name is a file's or it is refused: none of a device (`nul.txt`), none of a stream (`a:b`), none with \
a dot or a space at its end. No link below the directory is followed. With `--any-path` a path begins \
with one of this machine's own drives, and nothing that is asked for leaves the machine.

Each request is one line on standard output. Ctrl-C or Ctrl-Break lets running transfers finish; a \
second one stops at once.";

/// What fetching means.
pub const GET: &str = "\
Fetch a file, to standard output or to a file

With `-o` the content is collected in `.NAME.part`, which only you can read, and gets its final name \
only when it is whole. It keeps the permissions of a file of yours that it replaces; otherwise it has \
those of its directory. A transfer that was cut goes on with `--resume`; if the file has changed \
meanwhile, or changes while it comes, that is a failure, never a file of two halves.

In a directory that others write to, nothing of theirs is used: a `.NAME.part` of another user is \
refused, and a symbolic link is followed only if it is yours or an administrator's.

A device takes the content as it comes, such as `NUL` or, for the console, `CON`.";

/// What the demonstration shows.
pub const DEMO: &str = "\
Play the scenario with real processes: several clients, one server, and who may read what

Run by an elevated administrator, two of the clients have lost the rights of administrators; run by \
anybody else, the demonstration shows what one user can and says what it leaves out. Ends with 0 only \
if everything went as expected.";

/// Who may connect, in a line.
pub const ALLOW: &str = "Who may connect: any, same-user, system, admins, user:NAME, \
    group:NAME, sid:S-1-…; may be repeated [default: same-user]";

/// Who may connect.
pub const ALLOW_LONG: &str = "\
Who may connect: any, same-user, system, admins, user:NAME, group:NAME, sid:S-1-…; may be repeated \
[default: same-user]

A POLICY is one of these, or several with `and`, `or`, `not` and parentheses: `group:Users and not \
admins`. What the server does not know of a client admits nobody, neither by a term nor by `not`, \
and so does what counts in a token only where it denies. Names are looked up once, at start; one may \
say whose it is (`user:DOMAIN\\name`), and stands in quotation marks if it has spaces.

Beside you, the system and administrators, whoever is not named cannot reach the pipe at all; and \
nobody from another machine can.";

/// What `--compat dotnet` makes of an endpoint.
pub const DOTNET_NAME: &str = "the name of a pipe, as a program of .NET has it";

/// Who may do everything.
pub const PRIVILEGED: &str = "an administrator";

/// Whether what is bound has permission bits.
pub const HAS_SOCKET_MODE: bool = false;

/// Whether a server can become another user and keep no right but to act as clients.
pub const HAS_USER: bool = false;

/// Whether a server can be fenced in.
pub const HAS_FENCE: bool = false;

/// What an account is, in a line.
pub const AUDIT: &str = "Write each decision to FILE, a line of JSON each";

/// What an account is.
pub const AUDIT_LONG: &str = "\
Write each decision to FILE, a line of JSON each: who came, who was admitted, what was opened for whom \
and how, what was refused, what was sent

FILE has the permissions that its directory gives it. A file that is renamed is written on: a new one is \
begun by starting the server again.";

/// Whether there is a signal to open files anew.
pub const HAS_REOPEN: bool = false;

/// How far a server may act for its client, in a line.
pub const LEVEL: &str = "How far the server may act for you: anonymous, identification, \
    impersonation, delegation";

/// How far a server may act for its client.
pub const LEVEL_LONG: &str = "\
How far the server may act for you

  anonymous       it cannot learn who you are, so that only a policy of `any` admits you
  identification  it may know who you are, and open nothing as you
  impersonation   it may open files of this machine as you, which is how it finds out what you may read
  delegation      it may also act as you towards other machines

The system holds the server to it.";

/// Whether the system itself carries the level to the server.
pub const CARRIES_LEVELS: bool = true;
