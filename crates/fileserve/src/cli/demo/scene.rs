//! The scene: a directory with files and an endpoint, and who will ask for them.
#![allow(clippy::disallowed_methods, reason = "files of the demonstration's own")]

use std::fs;
use std::io;
use std::path::PathBuf;

use fileserve::platform::{self, Cast};
use tempfile::TempDir;

/// A directory with what the cast asks for.
pub(crate) struct Scene {
    place: TempDir,
    pub(crate) cast: Cast,
}

impl Scene {
    pub(crate) fn set(cast: Cast) -> io::Result<Self> {
        let place = tempfile::Builder::new().prefix("fileserve-demo-").tempdir()?;
        let scene = Self { place, cast };
        platform::open_directory(scene.place.path())?;
        fs::write(scene.place.path().join("outside.txt"), "Not served.\n")?;
        platform::make_directory(&scene.root())?;
        for prop in &scene.cast.props {
            prop.make(&scene.root())?;
        }
        Ok(scene)
    }

    /// Where the server listens.
    pub(crate) fn endpoint(&self) -> String {
        platform::demo_endpoint(self.place.path())
    }

    /// What the server serves.
    pub(crate) fn root(&self) -> PathBuf {
        self.place.path().join("files")
    }

    /// Whether this process, which has the server's rights, can itself read every file. Whoever is
    /// refused one of them is not refused it by a lack of rights of the server's.
    pub(crate) fn is_open_to_the_server(&self) -> bool {
        self.cast.props.iter().all(|prop| match prop.content() {
            Some(content) => {
                fs::read(self.root().join(prop.name)).is_ok_and(|read| read == content.as_bytes())
            }
            None => true,
        })
    }
}
