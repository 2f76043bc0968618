//! Files that are rewritten while they are read: nobody gets half of one state and half of another
//! for a whole file.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use common::{Place, Server, fileserve, raw, run, write_at};
use fileserve::destination::Destination;
use fileserve::platform::{self, Serving};
use fileserve::protocol::{Algorithm, Names, Part, WirePath};
use fileserve::resume::Partial;
use fileserve::{Error, FileClient, FileService, Files as _};
use ipc_core::files::{DirectoryEntry, Metadata, Open, RelativePath, ResolveRules, Root};
use ipc_core::{AsPeer, Deadline, ErrorKind, ImpersonationLevel};

/// Changes the first byte, and no length.
fn rewrite(file: &File) {
    write_at(file, 0, b"n");
}

fn connect(endpoint: &str) -> FileClient {
    FileClient::new(raw::client(endpoint, ImpersonationLevel::Impersonation))
}

fn path(text: &str) -> WirePath {
    WirePath::new(text).expect("short")
}

const LONG: u64 = 64 << 20;

fn long(place: &Place) -> File {
    place.sparse("long", LONG)
}

#[test]
fn a_file_that_is_rewritten_while_it_comes_is_not_taken_for_whole() {
    let place = Place::new();
    let file = long(&place);
    let server = Server::start(&place);
    for range in [&[][..], &["--range", "5-"]] {
        let mut get = fileserve(["get", server.endpoint(), "long"]);
        get.args(range).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = get.spawn().expect("starts");
        let mut stdout = child.stdout.take().expect("piped");
        stdout.read_exact(&mut [0; 1]).expect("it has begun"); // and cannot end before it is read
        rewrite(&file);
        io::copy(&mut stdout, &mut io::sink()).expect("readable");
        let ended = child.wait_with_output().expect("a child");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(10), "{said}");
        assert!(said.contains("has changed while it was sent"), "{said}");
        assert_eq!(server.record_of("get")["outcome"], "changed; start again");
    }
    let got = run(fileserve(["get", server.endpoint(), "long", "--range", "0-0"]));
    assert_eq!(got.text(), "n", "nothing changes any more");
}

#[test]
fn a_file_that_was_rewritten_does_not_get_its_final_name() {
    let place = Place::new();
    let file = long(&place);
    let server = Server::start(&place);
    let out = place.beside("out");
    let mut files = connect(server.endpoint());
    let Destination::File(final_place) = Destination::open(&out, Deadline::NOW).expect("a file")
    else {
        panic!("a name that nothing has is a file's");
    };
    let mut partial = Partial::begin(final_place).expect("begins");
    let mut rewritten = false;
    let received = files.receive(&path("long"), &Part::WHOLE, &mut partial, &mut |_| {
        if !rewritten {
            rewrite(&file);
        }
        rewritten = true;
    });
    let error = received.expect_err("rewritten");
    assert!(matches!(error, Error::Call(_)) && error.kind() == ErrorKind::Changed, "{error}");
    drop(partial);
    assert!(!fs::exists(&out).expect("readable"));
    files.fetch(&path("long"), &place.beside("other")).expect("goes on on the same connection");
}

/// A served directory in which a file is rewritten as soon as it was read.
#[derive(Debug)]
struct Restless {
    root: Arc<dyn Root>,
    file: PathBuf,
}

impl Root for Restless {
    fn directory(&self) -> Option<&File> {
        self.root.directory()
    }
    fn rules(&self) -> ResolveRules {
        self.root.rules()
    }
    fn admit(&self, opened: File, how: Open) -> ipc_core::Result<File> {
        self.root.admit(opened, how)
    }
    fn open(&self, by: &AsPeer, path: &RelativePath, how: Open) -> ipc_core::Result<File> {
        self.root.open(by, path, how)
    }
    fn stat(&self, by: &AsPeer, path: &RelativePath) -> ipc_core::Result<Metadata> {
        self.root.stat(by, path)
    }
    fn metadata(&self, file: &File) -> io::Result<Metadata> {
        self.root.metadata(file)
    }
    fn entries(
        &self,
        directory: &File,
        each: &mut dyn FnMut(DirectoryEntry) -> bool,
    ) -> io::Result<()> {
        self.root.entries(directory, each)
    }
    fn read_at(&self, file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let count = self.root.read_at(file, buffer, at)?;
        let file = File::options().write(true).open(&self.file)?;
        rewrite(&file);
        // Later than the clock that the file system looks at, however coarse that is.
        file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(1))?;
        Ok(count)
    }
}

#[test]
fn neither_a_small_file_nor_a_sum_is_of_two_states() {
    let place = Place::new();
    let file = place.file("notes", "older");
    let root = platform::open_root(&place.files(), &Default::default()).expect("a directory");
    let service = FileService::new(Arc::new(Restless { root, file }), Names::BelowRoot);
    let endpoint = place.endpoint();
    let transport = platform::server_transport(&Serving::default()).expect("nothing special");
    let _server = ipc_core::server::Server::builder(transport, endpoint.parse().expect("one"))
        .serve(service.into_service())
        .expect("serves");
    let mut files = connect(&endpoint);
    let error = files.sum(&path("notes"), Algorithm::Sha256).expect_err("rewritten");
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
    let mut incoming = files.open(&path("notes"), &Part::WHOLE).expect("begins well");
    let error = incoming.copy_to(&mut io::sink(), &mut |_| ()).expect_err("rewritten");
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
}
