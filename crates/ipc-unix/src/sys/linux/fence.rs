//! Landlock. Source: landlock(7).

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus,
    PathBeneath, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope, make_bitflags,
};
use rustix::fs::{Mode, OFlags};

use crate::fence::Allowed;

/// A handle on the file or directory at `path`, whatever may be done with it.
pub(crate) fn place(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// A fence that is ready to be raised.
#[derive(Debug)]
pub(crate) struct Prepared(RulesetCreated);

/// Makes a fence that keeps this thread from everything that Landlock knows and no rule allows.
///
/// # Errors
/// Of kind `Unsupported` where the kernel has no Landlock.
pub(crate) fn prepare<'a>(
    rules: impl IntoIterator<Item = (BorrowedFd<'a>, Allowed)>,
) -> io::Result<Prepared> {
    if !exists() {
        let text = "this kernel has no Landlock, which came with Linux 5.13, or was started \
                    without it (`lsm=`)";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    let mut created = forbidding_all().and_then(Ruleset::create).map_err(failed)?;
    for (place, allowed) in rules {
        let beneath = PathBeneath::new(place, rights(allowed));
        created = created.add_rule(beneath).map_err(failed)?;
    }
    Ok(Prepared(created))
}

impl Prepared {
    /// Fences this thread in, for good, with all that it starts from now on; tells the version of
    /// Landlock whose rights are in force.
    pub(crate) fn raise(self) -> io::Result<u32> {
        let status = self.0.restrict_self().map_err(failed)?;
        match (status.ruleset, status.landlock) {
            (
                RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced,
                LandlockStatus::Available { effective_abi, .. },
            ) => Ok((effective_abi as u32).min(TRIED as u32)),
            (ruleset, landlock) => {
                Err(io::Error::other(format!("Landlock: {ruleset:?}, {landlock:?}")))
            }
        }
    }
}

fn exists() -> bool {
    let oldest = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    oldest.handle_access(AccessFs::ReadFile).and_then(Ruleset::create).is_ok()
}

fn forbidding_all() -> Result<Ruleset, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(TRIED))?
        .handle_access(AccessNet::from_all(TRIED))?
        .scope(Scope::from_all(TRIED))
}

fn rights(allowed: Allowed) -> BitFlags<AccessFs> {
    match allowed {
        Allowed::ReadFile => AccessFs::ReadFile.into(),
        Allowed::Read => make_bitflags!(AccessFs::{ReadFile | ReadDir}),
        Allowed::Remove => AccessFs::RemoveFile.into(),
        Allowed::Append => make_bitflags!(AccessFs::{WriteFile | MakeReg}),
    }
}

fn failed(error: RulesetError) -> io::Error {
    io::Error::other(error)
}

/// The newest version that this was tried on. What later ones know is left alone: nobody has looked
/// yet at what a server would miss.
const TRIED: ABI = ABI::V7;
